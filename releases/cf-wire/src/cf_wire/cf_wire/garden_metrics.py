"""What a container uses, as Garden tells it. Source: garden container.go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .garden import GardenError
from .plain import Wire


@dataclass(frozen=True, slots=True)
class MemoryStat:
    """memory.stat of the cgroup, in bytes and counts; the last three come from cgroup v2."""

    active_anon: int = 0
    active_file: int = 0
    cache: int = 0
    hierarchical_memory_limit: int = 0
    inactive_anon: int = 0
    inactive_file: int = 0
    mapped_file: int = 0
    pgfault: int = 0
    pgmajfault: int = 0
    pgpgin: int = 0
    pgpgout: int = 0
    rss: int = 0
    total_active_anon: int = 0
    total_active_file: int = 0
    total_cache: int = 0
    total_inactive_anon: int = 0
    total_inactive_file: int = 0
    total_mapped_file: int = 0
    total_pgfault: int = 0
    total_pgmajfault: int = 0
    total_pgpgin: int = 0
    total_pgpgout: int = 0
    total_rss: int = 0
    total_unevictable: int = 0
    unevictable: int = 0
    swap: int = 0
    hierarchical_memsw_limit: int = 0
    total_swap: int = 0
    total_usage_toward_limit: int = 0
    anon: int = 0
    file: int = 0
    swapcached: int = 0

    WIRE: ClassVar[Wire] = Wire({"total_usage_toward_limit": "TotalUsageTowardLimit"})


@dataclass(frozen=True, slots=True)
class CPUStat:
    """CPU time since the container began: usage in nanoseconds, user and system in the kernel's ticks."""

    usage: int = 0
    user: int = 0
    system: int = 0

    WIRE: ClassVar[Wire] = Wire({"usage": "Usage", "user": "User", "system": "System"})


@dataclass(frozen=True, slots=True)
class PidStat:
    """Processes and threads."""

    current: int = 0
    max: int = 0

    WIRE: ClassVar[Wire] = Wire({"current": "Current", "max": "Max"})


@dataclass(frozen=True, slots=True)
class DiskStat:
    """With the image, and without it (exclusive)."""

    total_bytes_used: int = 0
    total_inodes_used: int = 0
    exclusive_bytes_used: int = 0
    exclusive_inodes_used: int = 0

    WIRE: ClassVar[Wire] = Wire(
        {
            "total_bytes_used": "TotalBytesUsed",
            "total_inodes_used": "TotalInodesUsed",
            "exclusive_bytes_used": "ExclusiveBytesUsed",
            "exclusive_inodes_used": "ExclusiveInodesUsed",
        }
    )


@dataclass(frozen=True, slots=True)
class NetworkStat:
    """Bytes since the container began."""

    rx_bytes: int = 0
    tx_bytes: int = 0

    WIRE: ClassVar[Wire] = Wire({"rx_bytes": "RxBytes", "tx_bytes": "TxBytes"})


@dataclass(frozen=True, slots=True)
class Metrics:
    """What METRICS answers; `age` in nanoseconds, `cpu_entitlement` in nanoseconds of CPU."""

    memory: MemoryStat = field(default_factory=MemoryStat)
    cpu: CPUStat = field(default_factory=CPUStat)
    disk: DiskStat = field(default_factory=DiskStat)
    network: NetworkStat | None = None
    pids: PidStat = field(default_factory=PidStat)
    age: int = 0
    cpu_entitlement: int = 0

    WIRE: ClassVar[Wire] = Wire(
        {
            "memory": "MemoryStat",
            "cpu": "CPUStat",
            "disk": "DiskStat",
            "network": "NetworkStat",
            "pids": "PidStat",
            "age": "Age",
            "cpu_entitlement": "CPUEntitlement",
        }
    )


@dataclass(frozen=True, slots=True)
class MetricsEntry:
    """One value of what BULK_METRICS answers."""

    metrics: Metrics = field(default_factory=Metrics)
    error: GardenError | None = None

    WIRE: ClassVar[Wire] = Wire({"metrics": "Metrics", "error": "Err"})
