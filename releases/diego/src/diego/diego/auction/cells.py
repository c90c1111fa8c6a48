"""Cells while an auction goes on: what is left of each, and which of them will do.

Sources: rep resources.go, rootfs_providers.go; auction auctionrunner/{cell,scheduler,zone_builder}.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from cf_wire.rep import CellState, PlacementConstraint, Resource

from .model import Rules
from .reasons import NO_ROOTFS, NO_VOLUME_DRIVERS, no_placement_tags

LOCALITY = 1000
"""What each instance of the same process on a cell adds to its score for another; for tasks, what any task adds."""


class Cell:
    """One cell, changing as things are placed on it. A score is lower the better, and within an auction it only grows."""

    __slots__ = (
        "containers",
        "disk",
        "disk_share",
        "id",
        "index",
        "instances",
        "memory",
        "memory_share",
        "one_container",
        "order",
        "proxy",
        "shape",
        "starting",
        "state",
        "tasks",
        "weight",
    )

    def __init__(self, state: CellState, order: int, index: float, starting_weight: float) -> None:
        self.id, self.state, self.order, self.index = state.cell_id, state, order, index
        free, total = state.available, state.total
        self.memory, self.disk, self.containers = free.memory_mb, free.disk_mb, free.containers
        self.proxy = state.proxy_memory_mb
        self.starting, self.weight = state.starting_container_count, starting_weight
        self.tasks = len(state.tasks)
        self.instances = Counter(lrp.key.process_guid for lrp in state.lrps)
        # Of a resource that a cell has none of, all is used.
        self.shape = (total, self.proxy)
        self.memory_share, self.disk_share = _share(total.memory_mb), _share(total.disk_mb)
        self.one_container = _share(total.containers)

    def lrp_score(self, memory: int, disk: int) -> float | None:
        """Return the score for an instance of a process that has none here, or None when it does not fit."""
        memory += self.proxy
        if memory > self.memory or disk > self.disk or self.containers < 1:
            return None
        return self._used_after(memory, disk) + self.starting * self.weight + self.index

    def task_score(self, memory: int, disk: int) -> float | None:
        """Return the score for a task, or None when it does not fit."""
        if memory > self.memory or disk > self.disk or self.containers < 1:
            return None
        return self._used_after(memory, disk) + self.starting * self.weight + LOCALITY * self.tasks

    def _used_after(self, memory: int, disk: int) -> float:
        """Return the mean of the used fractions of memory, disk and containers."""
        free = (
            (self.memory - memory) * self.memory_share
            + (self.disk - disk) * self.disk_share
            + (self.containers - 1) * self.one_container
        )
        return 1.0 - free / 3.0

    def take_lrp(self, process_guid: str, resource: Resource) -> None:
        """Reserve what an instance needs, its proxy included, so that the cell need not refuse it later."""
        self._take(resource.memory_mb + self.proxy, resource.disk_mb)
        self.instances[process_guid] += 1

    def take_task(self, resource: Resource) -> None:
        """Reserve what a task needs."""
        self._take(resource.memory_mb, resource.disk_mb)
        self.tasks += 1

    def _take(self, memory: int, disk: int) -> None:
        self.memory -= memory
        self.disk -= disk
        self.containers -= 1
        self.starting += 1


def _share(total: int) -> float:
    return 1.0 / total if total else 0.0


Zones = dict[str, list[Cell]]


def zones_of(states: Iterable[CellState], rules: Rules) -> Zones:
    """Return the cells that take part, by zone; those that evacuate do not."""
    by_zone: dict[str, list[CellState]] = {}
    for state in states:
        if not state.evacuating:
            by_zone.setdefault(state.zone, []).append(state)
    result: Zones = {}
    for number, zone in enumerate(sorted(by_zone)):
        ordered = sorted(by_zone[zone], key=lambda one: (one.cell_index, one.cell_id))
        result[zone] = [
            # With packing, the place among the zone's cells counts, not the index as such, so that gaps do not.
            Cell(state, place * len(by_zone) + number, place * rules.bin_pack_weight, rules.starting_weight)
            for place, state in enumerate(ordered)
        ]
    return result


def compatible(zones: Zones, constraint: PlacementConstraint) -> tuple[Zones, str]:
    """Return the cells that will do, by zone; and when there are none, why: the filter that no cell passes."""
    passed: Zones = {}
    furthest = 0
    for zone, cells in zones.items():
        for cell in cells:
            stage = _passes(cell.state, constraint)
            furthest = max(furthest, stage)
            if stage == 3:
                passed.setdefault(zone, []).append(cell)
    reasons = (NO_ROOTFS, NO_VOLUME_DRIVERS, no_placement_tags(constraint.placement_tags), "")
    return passed, reasons[furthest]


def _passes(state: CellState, constraint: PlacementConstraint) -> int:
    """Return how many of the three filters a cell passes, one after the other."""
    if not _matches_rootfs(state, constraint.rootfs):
        return 0
    if not set(constraint.volume_drivers) <= set(state.volume_drivers):
        return 1
    return 3 if _matches_tags(state, constraint.placement_tags) else 2


def _matches_rootfs(state: CellState, rootfs: str) -> bool:
    try:
        url = urlsplit(rootfs)
    except ValueError:
        return False
    provider = state.rootfs_providers.get(url.scheme)
    if provider is None:
        return False
    # A fixed set names stacks, as in preloaded:STACK or preloaded+layer:STACK?layer=…
    return provider.stacks is None or (not url.netloc and url.path in provider.stacks)


def _matches_tags(state: CellState, tags: Sequence[str]) -> bool:
    required, wanted = set(state.placement_tags), set(tags)
    return required <= wanted <= required | set(state.optional_placement_tags)
