"""What processes cost, out of ``/proc``: CPU seconds and memory of a process and of all below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment. ``ended_s`` is the CPU time of its children that have ended and were waited for."""

    pid: int
    name: str
    cpu_s: float
    ended_s: float
    pss_mib: float


def family(pid: int) -> list[Usage]:
    """The process and all its descendants that live."""
    return [usage for each in _tree(pid) if (usage := _usage(each))]


def cpu_by_name(pids: list[int]) -> dict[str, float]:
    """CPU seconds of these processes and their descendants, living and ended, by name."""
    total: dict[str, float] = {}
    for pid in pids:
        for usage in family(pid):
            total[usage.name] = total.get(usage.name, 0.0) + usage.cpu_s
            total[f"{usage.name}: ended"] = total.get(f"{usage.name}: ended", 0.0) + usage.ended_s
    return total


def pss_mib(pid: int) -> float:
    """Proportional share of memory, MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def _usage(pid: int) -> Usage | None:
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        mine, ended = (sum(map(int, fields[first : first + 2])) / _TICKS_PER_S for first in (11, 13))
        return Usage(pid, _program(pid, name), mine, ended, pss_mib(pid))
    except OSError:
        return None


def _program(pid: int, name: str) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    known = ("fake-cpi", "fake_agent", "health", "nats-server", "ruby")
    return next((word for word in known if any(word in each for each in words)), name)
