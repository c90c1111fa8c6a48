"""The environment's daemons, kept running by supervisord."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from bosh.local import host, strays
from bosh.local.home import Home
from bosh.wire.errors import SystemFailure

_STOP_WITHIN_S = 40.0
_DOWN = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})


def _supervisor(home: Home) -> Any:
    """supervisord's XML-RPC calls; what they answer has no types."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport("", "", serverurl=f"unix://{home.supervisor_socket}")
    return ServerProxy("http://127.0.0.1", transport=transport).supervisor


def supervisor_pid(home: Home) -> int | None:
    """The process id of this environment's supervisord, None when it does not run."""
    try:
        pid = int(home.supervisor_pid.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    # After a reboot the number may be someone else's.
    return pid if str(home.config / "supervisord.conf").encode() in command else None


def start(home: Home, *, configurations: Mapping[str, Path]) -> None:
    """Have supervisord and all its daemons run, with the configuration as it is written now.

    Args:
        configurations: daemon → the file it reads at its start only.

    Raises:
        SystemFailure: supervisord does not start, or others listen on the daemons' ports.
    """
    if supervisor_pid(home) is not None:
        with contextlib.suppress(OSError):
            _reload(home)
            _renew(home, configurations)
            return
    # Either there is none, or it does not listen any more; daemons without a supervisor would hold ports and state.
    strays.end(home)
    host.require_ports(home)
    home.supervisor_socket.unlink(missing_ok=True)
    program = Path(sys.executable).with_name("supervisord")
    command = [str(program), "-c", str(home.config / "supervisord.conf")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if ended.returncode:
        raise SystemFailure(
            "cannot start supervisord",
            details=ended.stderr.strip() or ended.stdout.strip(),
            resolution=f"Look at {home.logs}/supervisor.log.",
        )
    # It starts its programs when it is first disturbed, or after a second.
    with contextlib.suppress(OSError, Fault):
        _supervisor(home).getState()


def _reload(home: Home) -> None:
    api = _supervisor(home)
    added, changed, removed = api.reloadConfig()[0]
    for name in (*changed, *removed):
        with contextlib.suppress(Fault):
            api.stopProcessGroup(name)
        api.removeProcessGroup(name)
    for name in (*added, *changed):
        api.addProcessGroup(name)


def _renew(home: Home, configurations: Mapping[str, Path]) -> None:
    """Daemons that an interrupted run left stopped, or that run with an older configuration, are started."""
    api = _supervisor(home)
    for item in api.getAllProcessInfo():
        name, state = item["name"], item["statename"]
        file = configurations.get(name)
        outdated = state == "RUNNING" and file is not None and int(file.stat().st_mtime) > item["start"]
        if outdated:
            with contextlib.suppress(Fault):
                api.stopProcess(name)
        if outdated or state in _DOWN:
            with contextlib.suppress(Fault):
                # Whoever waits for the director tells why it does not stay up.
                api.startProcess(name, False)  # noqa: FBT003 - XML-RPC has no names


def states(home: Home) -> dict[str, str]:
    """Daemon → supervisord's word for its state, with its last line; empty when supervisord does not answer."""
    try:
        found = _supervisor(home).getAllProcessInfo()
    except (OSError, Fault):
        return {}
    return {item["name"]: f"{item['statename']} {item['description']}" for item in found}


def stop(home: Home) -> dict[int, str]:
    """End supervisord and all its daemons, and wait until they are gone; those that resist, by process id."""
    pid = supervisor_pid(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        until_s = time.monotonic() + _STOP_WITHIN_S
        while supervisor_pid(home) is not None and time.monotonic() < until_s:
            time.sleep(0.05)
    return strays.end(home)
