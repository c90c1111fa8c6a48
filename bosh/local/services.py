"""The environment's daemons, kept running by supervisord."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from bosh.local.home import Home
from bosh.wire.errors import SystemFailure

_STOP_WITHIN_S = 40.0


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


def start(home: Home) -> None:
    """Start supervisord, or tell the running one about a changed configuration. Raises SystemFailure."""
    if supervisor_pid(home) is None:
        home.supervisor_socket.unlink(missing_ok=True)
        program = Path(sys.executable).with_name("supervisord")
        command = [str(program), "-c", str(home.config / "supervisord.conf")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if ended.returncode:
            raise SystemFailure("cannot start supervisord", details=ended.stderr.strip() or ended.stdout.strip())
        return
    _reload(home)


def _reload(home: Home) -> None:
    api = _supervisor(home)
    added, changed, removed = api.reloadConfig()[0]
    for name in (*changed, *removed):
        with contextlib.suppress(Fault):
            api.stopProcessGroup(name)
        api.removeProcessGroup(name)
    for name in (*added, *changed):
        api.addProcessGroup(name)


def restart(home: Home, name: str) -> None:
    """Stop and start one daemon, for a configuration it reads at start."""
    api = _supervisor(home)
    with contextlib.suppress(Fault):
        api.stopProcess(name)
    api.startProcess(name)


def states(home: Home) -> dict[str, str]:
    """Daemon → supervisord's word for its state, with its last line; empty when supervisord does not answer."""
    try:
        found = _supervisor(home).getAllProcessInfo()
    except (OSError, Fault):
        return {}
    return {item["name"]: f"{item['statename']} {item['description']}" for item in found}


def stop(home: Home) -> None:
    """End supervisord and all its daemons, and wait until they are gone."""
    pid = supervisor_pid(home)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_WITHIN_S
    while supervisor_pid(home) is not None:
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)
