"""Who is there: the values that cells and BBS servers keep in locket, and the answer to a task's callback URL.

Sources: bbs models/{cells.proto,cell_presence.go,bbs_presence.go,task_requests.proto}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from .plain import Wire

PRELOADED = "preloaded"
PRELOADED_LAYER = "preloaded+layer"
EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class CellCapacity:
    """All that a cell has, in MiB and containers."""

    memory_mb: int = 0
    disk_mb: int = 0
    containers: int = 0


@dataclass(frozen=True, slots=True)
class Provider:
    """One scheme of root filesystems, and for preloaded ones the stacks."""

    name: str
    properties: tuple[str, ...] = ()

    WIRE: ClassVar[Wire] = Wire(omit_empty=frozenset({"properties"}))


@dataclass(frozen=True, slots=True)
class CellPresence:
    """The value of a cell's PRESENCE resource in locket, as JSON."""

    cell_id: str
    rep_address: str
    rep_url: str = ""
    zone: str = ""
    capacity: CellCapacity | None = None
    rootfs_providers: tuple[Provider, ...] = ()
    placement_tags: tuple[str, ...] = ()
    optional_placement_tags: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    WIRE: ClassVar[Wire] = Wire(
        names={"rootfs_providers": "rootfs_provider_list"},
        omit_empty=frozenset({"capacity", "rootfs_providers", "placement_tags", "optional_placement_tags"}),
    )


@dataclass(frozen=True, slots=True)
class BBSPresence:
    """The value of the BBS lock in locket: who leads, and where."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class TaskCallback:
    """What is posted to a task's completion callback URL; `created_at` in nanoseconds since 1970."""

    task_guid: str
    failed: bool = False
    failure_reason: str = ""
    result: str = ""
    annotation: str = ""
    created_at: int = 0

    WIRE: ClassVar[Wire] = Wire(omit_empty=frozenset({"annotation"}))
