"""Start and end containers with runc."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed

from container_cpi import kernel
from container_cpi.config import Config
from container_cpi.records import Process

START_TIMEOUT_S = 60.0
"""runc starts a container in 20–50 ms; a minute means that the machine is stuck."""
KILL_TIMEOUT_S = 30.0
"""After SIGKILL the kernel still has to write back and unmount what the VM used."""
_LOG_LINES = 10


class Runtime:
    """One runc state directory per state directory of the CPI."""

    def __init__(self, config: Config) -> None:
        self._runc = config.runc
        self._root = config.state_dir / "runc"
        self._cgroup = config.cgroup

    def start(self, name: str, directory: Path, configuration: dict[str, Any]) -> Process:
        """Start a container whose bundle and logs live in ``directory``. Raises CloudFailed with runc's last words."""
        bundle, pid_file, log = directory / "bundle", directory / "pid", directory / "runc.log"
        bundle.mkdir(exist_ok=True)
        (bundle / "config.json").write_text(json.dumps(configuration))
        log.unlink(missing_ok=True)
        options = ["--log", str(log), "run", "--detach", "--bundle", str(bundle), "--pid-file", str(pid_file), name]
        with (directory / "console.log").open("ab") as console:
            status = self._run(options, console.fileno(), timeout_s=START_TIMEOUT_S)
        if status != 0:
            raise CloudFailed(f"cannot start container {name}", details=_last_lines(log, directory / "console.log"))
        pid = int(pid_file.read_text())
        return Process(pid, kernel.started_ticks(pid), kernel.boot_id())

    def end(self, name: str, process: Process) -> None:
        """Kill init, and with it everything in the container; forget it. Idempotent. Raises CloudFailed when it does not die."""
        this_boot = process.boot_id == kernel.boot_id()
        if this_boot and not kernel.kill_and_wait(process.pid, process.started_ticks, timeout_s=KILL_TIMEOUT_S):
            raise CloudFailed(
                f"cannot end container {name}", details=f"process {process.pid} does not die", ok_to_retry=True
            )
        if (self._root / name).exists():
            status = self._run(["delete", "--force", name], subprocess.DEVNULL, timeout_s=START_TIMEOUT_S)
            if status != 0 and (self._root / name).exists():
                raise CloudFailed(f"cannot remove container {name}", details=f"runc delete ended with {status}")
        kernel.remove_cgroups(f"{self._cgroup}/{name}")

    def is_alive(self, process: Process) -> bool:
        """Whether this very init runs."""
        ticks = kernel.started_ticks(process.pid) if process.boot_id == kernel.boot_id() else 0
        return bool(ticks) and ticks == process.started_ticks

    def _run(self, arguments: Sequence[str], output: int, *, timeout_s: float) -> int:
        command = [self._runc, "--root", str(self._root), *arguments]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=timeout_s,
                check=False,
                env=_environment(),
            )
        except FileNotFoundError as error:
            raise CloudFailed(f"cannot run {self._runc}", resolution="Install runc.") from error
        except subprocess.TimeoutExpired as error:
            raise CloudFailed(
                f"cannot run {self._runc}", details=f"no answer within {timeout_s} s", ok_to_retry=True
            ) from error
        return done.returncode


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH") or "/usr/sbin:/usr/bin:/sbin:/bin"}


def _last_lines(*files: Path) -> str:
    texts = [file.read_text(errors="replace").splitlines()[-_LOG_LINES:] for file in files if file.exists()]
    return "\n".join(line for text in texts for line in text)
