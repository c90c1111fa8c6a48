"""Load, processor, memory, swap, disks, uptime from ``/proc`` (bosh-agent: platform/vitals, platform/stats)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bosh.agent.machine.mounts import Mounts, at
from bosh.agent.paths import Paths
from bosh.wire.heartbeat import Cpu, Memory, Usage, Vitals


class VitalsReader(Protocol):
    def read(self) -> Vitals:
        """How the machine is now; processor shares since the last reading."""
        ...

    def memory_kb(self) -> int:
        """All there is."""
        ...


@dataclass(frozen=True, slots=True)
class CpuTicks:
    user: int
    system: int
    wait: int
    total: int


def parse_stat(text: str) -> CpuTicks:
    """First line of ``/proc/stat``: user nice system idle iowait irq softirq steal …; nice counts as user, interrupts as system."""
    values = [int(value) for value in text.partition("\n")[0].split()[1:9]]
    user, nice, system, _, wait, irq, softirq, _ = values + [0] * (8 - len(values))
    return CpuTicks(user + nice, system + irq + softirq, wait, sum(values))


def shares(before: CpuTicks, now: CpuTicks) -> Cpu:
    """Percentages between two readings; zero when no tick has passed."""
    passed = now.total - before.total
    if passed <= 0:
        return Cpu()
    return Cpu(
        user=100 * (now.user - before.user) / passed,
        system=100 * (now.system - before.system) / passed,
        wait=100 * (now.wait - before.wait) / passed,
    )


def parse_meminfo(text: str) -> dict[str, int]:
    """Kilobytes by name."""
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in text.splitlines()) if rest}


def memory_of(info: Mapping[str, int], limit_kb: int | None, used_kb: int | None) -> Memory:
    """What is used and cannot be reclaimed. A container's limit counts where it is below the machine's memory."""
    total = info["MemTotal"]
    if limit_kb is not None and used_kb is not None and limit_kb < total:
        return Memory(used_kb, _percent(used_kb, limit_kb))
    used = total - info.get("MemAvailable", info.get("MemFree", 0))
    return Memory(used, _percent(used, total))


def swap_of(info: Mapping[str, int]) -> Memory:
    total = info.get("SwapTotal", 0)
    used = total - info.get("SwapFree", 0)
    return Memory(used, _percent(used, total))


def _percent(part: float, whole: float) -> int:
    return round(100 * part / whole) if whole else 0


class SystemVitals:
    def __init__(
        self,
        paths: Paths,
        mounts: Mounts,
        *,
        proc: Path = Path("/proc"),
        cgroup: Path = Path("/sys/fs/cgroup"),
    ) -> None:
        self._paths = paths
        self._mounts = mounts
        self._proc = proc
        self._cgroup = cgroup
        self._ticks = CpuTicks(0, 0, 0, 0)

    def read(self) -> Vitals:
        ticks = parse_stat((self._proc / "stat").read_text())
        cpu, self._ticks = shares(self._ticks, ticks), ticks
        info = parse_meminfo((self._proc / "meminfo").read_text())
        one, five, fifteen = (float(v) for v in (self._proc / "loadavg").read_text().split()[:3])
        return Vitals(
            cpu=cpu,
            memory=memory_of(info, *self._container_memory()),
            swap=swap_of(info),
            load=(one, five, fifteen),
            uptime_s=int(float((self._proc / "uptime").read_text().split()[0])),
            disks=self._disks(),
        )

    def memory_kb(self) -> int:
        return parse_meminfo((self._proc / "meminfo").read_text())["MemTotal"]

    def _container_memory(self) -> tuple[int | None, int | None]:
        """Limit and use in kB of our control group, version 2 or 1; caches that can be dropped are not use."""
        for limit, used, stat, cache in (
            ("memory.max", "memory.current", "memory.stat", "inactive_file"),
            (
                "memory/memory.limit_in_bytes",
                "memory/memory.usage_in_bytes",
                "memory/memory.stat",
                "total_inactive_file",
            ),
        ):
            limit_bytes, used_bytes = self._number(limit), self._number(used)
            if limit_bytes is not None and used_bytes is not None:
                return limit_bytes // 1024, max(0, used_bytes - self._stat(stat, cache)) // 1024
        return None, None

    def _number(self, name: str) -> int | None:
        try:
            text = (self._cgroup / name).read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def _stat(self, name: str, key: str) -> int:
        try:
            lines = (self._cgroup / name).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.split()[0] == key), 0)

    def _disks(self) -> dict[str, Usage]:
        roles = {"system": Path("/"), "ephemeral": self._paths.data, "persistent": self._paths.store}
        return {role: _usage(path) for role, path in roles.items() if at(self._mounts, path) is not None}


def _usage(path: Path) -> Usage:
    stat = os.statvfs(path)
    used = stat.f_blocks - stat.f_bfree
    return Usage(_percent(used, used + stat.f_bavail), _percent(stat.f_files - stat.f_ffree, stat.f_files))


class FakeVitals:
    """A machine that is always the same."""

    def memory_kb(self) -> int:
        return 2 << 20

    def read(self) -> Vitals:
        return Vitals(
            cpu=Cpu(1.5, 0.5, 0.1),
            memory=Memory(1024, 10),
            swap=Memory(0, 0),
            load=(0.1, 0.2, 0.3),
            uptime_s=100,
            disks={"system": Usage(50, 10), "ephemeral": Usage(20, 5)},
        )
