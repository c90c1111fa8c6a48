"""What the auctioneer, the BBS and a cell's rep say to each other in JSON over HTTP.

Sources: rep {resources,rootfs_providers,routes}.go; auctioneer {resources,routes}.go; executor
containermetrics/cached_container_metric.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .plain import Wire, WireError

STATE = ("GET", "/state")
CONTAINER_METRICS = ("GET", "/container_metrics")
PERFORM = ("POST", "/work")
UPDATE_LRP = ("PUT", "/v2/lrps/{process_guid}/instances/{instance_guid}")
UPDATE_LRP_R0 = ("PUT", "/v1/lrps/{process_guid}/instances/{instance_guid}")
STOP_LRP = ("POST", "/v1/lrps/{process_guid}/instances/{instance_guid}/stop")
CANCEL_TASK = ("POST", "/v1/tasks/{task_guid}/cancel")
PING = ("GET", "/ping")
"""Only on the rep's own machine, as EVACUATE is."""
EVACUATE = ("POST", "/evacuate")

AUCTION_TASKS = ("POST", "/v1/tasks")
AUCTION_LRPS = ("POST", "/v1/lrps")
"""The auctioneer answers 202 to both; the body is a list of requests."""


@dataclass(frozen=True, slots=True)
class RootFSProvider:
    """Which root filesystems of one scheme a cell can use: all when `stacks` is None, else these."""

    stacks: frozenset[str] | None = None

    def plain(self) -> dict[str, Any]:
        """Return the wire form: arbitrary, or a fixed set written as an object with empty values."""
        if self.stacks is None:
            return {"type": "arbitrary"}
        return {"set": {stack: {} for stack in sorted(self.stacks)}, "type": "fixed_set"}

    @classmethod
    def from_plain(cls, data: Any) -> RootFSProvider:
        """Read the wire form; raises WireError for another kind of provider."""
        match data:
            case {"type": "arbitrary"}:
                return cls()
            case {"type": "fixed_set", "set": dict(stacks)}:
                return cls(frozenset(stacks))
        raise WireError(f"expected a root filesystem provider, got {data!r}")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a cell has, in all or still free: MiB and containers."""

    memory_mb: int = 0
    disk_mb: int = 0
    containers: int = 0

    WIRE: ClassVar[Wire] = Wire({"memory_mb": "MemoryMB", "disk_mb": "DiskMB", "containers": "Containers"})


@dataclass(frozen=True, slots=True)
class Resource:
    """What one instance or task needs: MiB; `max_pids` takes no part in placement."""

    memory_mb: int = 0
    disk_mb: int = 0
    max_pids: int = 0

    WIRE: ClassVar[Wire] = Wire({"memory_mb": "MemoryMB", "disk_mb": "DiskMB", "max_pids": "MaxPids"})


@dataclass(frozen=True, slots=True)
class PlacementConstraint:
    """Which cells will do at all."""

    rootfs: str = ""
    placement_tags: tuple[str, ...] = ()
    volume_drivers: tuple[str, ...] = ()

    WIRE: ClassVar[Wire] = Wire(
        {"rootfs": "RootFs", "placement_tags": "PlacementTags", "volume_drivers": "VolumeDrivers"}
    )


@dataclass(frozen=True, slots=True)
class LRPKey:
    """Which instance of which process is meant; the same three fields as models.ActualLRPKey."""

    process_guid: str = ""
    index: int = 0
    domain: str = ""


@dataclass(frozen=True, slots=True)
class LRP:
    """One instance, as a cell holds it or is asked to run it."""

    key: LRPKey
    placement: PlacementConstraint = field(default_factory=PlacementConstraint)
    resource: Resource = field(default_factory=Resource)
    instance_guid: str = ""
    state: str = ""

    WIRE: ClassVar[Wire] = Wire(inline=frozenset({"key", "placement", "resource"}))


@dataclass(frozen=True, slots=True)
class Task:
    """One task, as a cell holds it or is asked to run it; `state` is a name from models.Task.State."""

    task_guid: str
    domain: str = ""
    placement: PlacementConstraint = field(default_factory=PlacementConstraint)
    resource: Resource = field(default_factory=Resource)
    state: str = "Invalid"
    failed: bool = False

    WIRE: ClassVar[Wire] = Wire(
        {"task_guid": "TaskGuid", "domain": "Domain"}, inline=frozenset({"placement", "resource"})
    )


@dataclass(frozen=True, slots=True)
class CellState:
    """The answer to STATE: what a cell has, holds and accepts."""

    cell_id: str
    rep_url: str = ""
    cell_index: int = 0
    rootfs_providers: Mapping[str, RootFSProvider] = field(default_factory=dict)
    available: Resources = field(default_factory=Resources)
    total: Resources = field(default_factory=Resources)
    lrps: tuple[LRP, ...] = ()
    tasks: tuple[Task, ...] = ()
    starting_container_count: int = 0
    zone: str = ""
    evacuating: bool = False
    volume_drivers: tuple[str, ...] = ()
    placement_tags: tuple[str, ...] = ()
    optional_placement_tags: tuple[str, ...] = ()
    proxy_memory_mb: int = 0

    WIRE: ClassVar[Wire] = Wire(
        {
            "rootfs_providers": "RootFSProviders",
            "available": "AvailableResources",
            "total": "TotalResources",
            "lrps": "LRPs",
            "tasks": "Tasks",
            "starting_container_count": "StartingContainerCount",
            "zone": "Zone",
            "evacuating": "Evacuating",
            "volume_drivers": "VolumeDrivers",
            "placement_tags": "PlacementTags",
            "optional_placement_tags": "OptionalPlacementTags",
            "proxy_memory_mb": "ProxyMemoryAllocationMB",
        }
    )


@dataclass(frozen=True, slots=True)
class Work:
    """What PERFORM asks of a cell, and in the answer what the cell refused; both lists are always written."""

    lrps: tuple[LRP, ...] = ()
    tasks: tuple[Task, ...] = ()
    cell_id: str = ""

    WIRE: ClassVar[Wire] = Wire({"lrps": "LRPs", "tasks": "Tasks"}, omit_empty=frozenset({"cell_id"}))


@dataclass(frozen=True, slots=True)
class InternalRoute:
    """One name under an internal domain."""

    hostname: str


@dataclass(frozen=True, slots=True)
class LRPUpdate:
    """The body of UPDATE_LRP: what can change while an instance runs."""

    instance_guid: str
    key: LRPKey
    internal_routes: tuple[InternalRoute, ...] = ()
    metric_tags: Mapping[str, str] = field(default_factory=dict)

    WIRE: ClassVar[Wire] = Wire(inline=frozenset({"key"}))


@dataclass(frozen=True, slots=True)
class LRPStartRequest:
    """One process of the list that AUCTION_LRPS takes: place these indices."""

    process_guid: str
    domain: str
    indices: tuple[int, ...]
    placement: PlacementConstraint = field(default_factory=PlacementConstraint)
    resource: Resource = field(default_factory=Resource)

    WIRE: ClassVar[Wire] = Wire(inline=frozenset({"placement", "resource"}))


@dataclass(frozen=True, slots=True)
class ContainerMetrics:
    """What one container uses and may use, in bytes; the fraction is of one CPU."""

    metric_guid: str = ""
    cpu_usage_fraction: float = 0.0
    disk_usage_bytes: int = 0
    disk_quota_bytes: int = 0
    memory_usage_bytes: int = 0
    memory_quota_bytes: int = 0
    rx_bytes: int | None = None
    tx_bytes: int | None = None

    WIRE: ClassVar[Wire] = Wire(omit_empty=frozenset({"rx_bytes", "tx_bytes"}))


@dataclass(frozen=True, slots=True)
class LRPMetric:
    """The metrics of one instance."""

    instance_guid: str
    process_guid: str
    index: int
    metrics: ContainerMetrics = field(default_factory=ContainerMetrics)

    WIRE: ClassVar[Wire] = Wire(inline=frozenset({"metrics"}))


@dataclass(frozen=True, slots=True)
class TaskMetric:
    """The metrics of one task."""

    task_guid: str
    metrics: ContainerMetrics = field(default_factory=ContainerMetrics)

    WIRE: ClassVar[Wire] = Wire(inline=frozenset({"metrics"}))


@dataclass(frozen=True, slots=True)
class ContainerMetricsCollection:
    """The answer to CONTAINER_METRICS."""

    cell_id: str
    lrps: tuple[LRPMetric, ...] = ()
    tasks: tuple[TaskMetric, ...] = ()
