"""A whole one-machine environment for tests: brought up and taken down by the commands a person types.

Everything it makes is its own: folder, home directory, network, ports. ``leftovers`` tells what of it is still there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.testing.container_vms import machine_state

PROJECT = Path(__file__).resolve().parents[2]
BOSH = Path(sys.executable).with_name("bosh")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class LocalEnvironment:
    """One environment. ``root`` must lie on a file system that can carry overlays (ext4, xfs)."""

    root: Path
    network: str
    port: int
    alias: str
    home: Path
    """HOME of the person who types."""

    @property
    def variables(self) -> dict[str, str]:
        """The process environment of every command."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("BOSH_") or name == "BOSH_CACHE"
        }
        return kept | {
            "HOME": str(self.home),
            "BOSH_LOCAL_HOME": str(self.root),
            "BOSH_LOCAL_NETWORK": self.network,
            "BOSH_LOCAL_PORT": str(self.port),
            "BOSH_LOCAL_ALIAS": self.alias,
            "BOSH_ENVIRONMENT": self.alias,
            "BOSH_NON_INTERACTIVE": "true",
        }

    def run(self, *words: str, program: Path = BOSH, timeout_s: float = 300, stdin: str = "") -> Ended:
        """A ``bosh`` command, of ours unless another program is named; it must end in time."""
        done = subprocess.run(
            [str(program), *words],
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            input=stdin,
            check=False,
            cwd=PROJECT,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str, program: Path = BOSH, timeout_s: float = 300) -> str:
        """A command that must succeed; its standard output."""
        ended = self.run(*words, program=program, timeout_s=timeout_s)
        assert ended.code == 0, f"bosh {' '.join(words)} ended with {ended.code}:\n{ended.text[-6000:]}"
        return ended.out

    def rows(self, *words: str, program: Path = BOSH) -> list[dict[str, str]]:
        """The rows of a command's first table."""
        body = json.loads(self.must(*words, "--json", program=program))
        rows: list[dict[str, str]] = body["Tables"][0]["Rows"]
        return rows

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on while the test does something else; the test waits for it or ends it."""
        return subprocess.Popen(
            [str(BOSH), *words],
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=PROJECT,
            start_new_session=True,
        )

    def vms(self) -> list[dict[str, Any]]:
        """The container CPI's own list: cid, pid, ips, metadata."""
        vms: list[dict[str, Any]] = self.cloud()["vms"]
        return vms

    def cloud(self) -> dict[str, Any]:
        """Everything that the container CPI has: lists of stemcells, VMs, disks, snapshots, networks."""
        program = Path(sys.executable).with_name("container-cpi")
        done = subprocess.run(
            [str(program), "--config", str(self.root / "config/cpi.json"), "list"],
            capture_output=True,
            text=True,
            check=True,
        )
        cloud: dict[str, Any] = json.loads(done.stdout)
        return cloud

    def leftovers(self) -> list[str]:
        """Everything of this environment that the machine still has, one line each."""
        prefix = ".".join(self.network.split(".")[:2]) + "."
        return [
            *_lines(["ip", "-4", "address"], prefix),
            *_lines(["ip", "-4", "route"], prefix),
            *_lines(["losetup", "--all"], str(self.root)),
            *[f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(self.root) in line],
            *_processes(str(self.root)),
            *machine_state({"state_dir": str(self.root / "cpi"), "ranges": [self.network]}),
            *([f"folder {self.root}"] if self.root.exists() else []),
        ]


def _lines(command: Sequence[str], text: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"{command[0]} {line.strip()}" for line in done.stdout.splitlines() if text in line]


def _processes(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in command:
                found.append(f"process {folder.name} {command[:200]}")
    return found


def wait_until(fact: Callable[[], bool], *, within_s: float, what: str, every_s: float = 0.5) -> None:
    """Look again and again until it is so. Raises AssertionError when it is not in time."""
    until = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(every_s)
