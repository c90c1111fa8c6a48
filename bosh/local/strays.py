"""Daemons of the environment that outlived their supervisor: found by the configuration file they were started with, and ended."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

from bosh.local.home import Home

_PROGRAMS = frozenset({"supervisord", "bosh-director", "bosh-health-monitor", "container-cpi", "nats-server"})
_END_WITHIN_S = 15.0


def find(home: Home, *, proc: Path = Path("/proc")) -> dict[int, str]:
    """Process id → program, of those that run with one of this environment's own files.

    A container on this machine may have an environment of its own under the same paths: its processes are not ours.
    """
    found = {}
    here = (proc / "self/ns/mnt").readlink()
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if (folder / "ns/mnt").readlink() != here:
                    continue
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if name := program(home, words):
                    found[int(folder.name)] = name
    return found


def program(home: Home, words: list[str]) -> str:
    """Which of our programs a command line is, for this environment; empty for anybody else's, an editor's included."""
    name = next((Path(word).name for word in words[:2] if Path(word).name in _PROGRAMS), "")
    own = (f"{home.config}/", f"{home.director_state}/")
    return name if any(word.startswith(own) for word in words[1:]) else ""


def end(home: Home) -> dict[int, str]:
    """End them, first with a chance to clean up; those that resist."""
    until_s = time.monotonic() + _END_WITHIN_S
    for number in (signal.SIGTERM, signal.SIGKILL):
        found = find(home)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        for pid in found:
            _wait(pid, max(0.1, until_s - time.monotonic()))
    return find(home)


def _wait(pid: int, timeout_s: float) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.poll(timeout_s * 1000)
        finally:
            os.close(descriptor)
