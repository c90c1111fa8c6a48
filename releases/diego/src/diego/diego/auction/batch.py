"""One auction. Sources: auction auctionrunner/{scheduler,zone_sorter,sortable_auctions}.go.

Differences from the original, none of which a user can see but under scarcity: ties are broken by cell and not by chance; an instance's
proxy memory is reserved and not only asked for; a batch that holds nothing but first instances still places them before tasks.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import groupby

from cf_wire.rep import CellState, PlacementConstraint, Resource

from .cells import Cell, Zones, compatible, zones_of
from .finding import Finder, Size, best
from .model import Auction, LRPAuction, Placed, Results, Rules, TaskAuction, Unplaced, tried
from .ranking import Entry
from .reasons import NO_COMMUNICATION, TOO_MANY_STARTING, insufficient


def auction(
    states: Iterable[CellState],
    lrps: Sequence[LRPAuction],
    tasks: Sequence[TaskAuction] = (),
    *,
    now: int = 0,
    rules: Rules | None = None,
) -> Results:
    """Place first instances, then tasks, then the other instances; the larger first among equals.

    Args:
        states: of every cell that answered; cells that evacuate take no part.
        lrps: instances that want a cell.
        tasks: tasks that want a cell.
        now: nanoseconds since 1970, for how long requests waited.
        rules: what the operator has set.
    """
    rules = rules or Rules()
    by_index = sorted(lrps, key=lambda one: (one.lrp.key.index, -one.lrp.resource.memory_mb))
    first = [one for one in by_index if one.lrp.key.index <= 0]
    by_memory = sorted(tasks, key=lambda one: -one.task.resource.memory_mb)
    floor = _Floor(zones_of(states, rules), rules, by_index)
    placed: list[Placed] = []
    unplaced: list[Unplaced] = []
    ordered: list[Auction] = [*first, *by_memory, *by_index[len(first) :]]
    for one in ordered:
        winner = floor.place(one)
        if isinstance(winner, Cell):
            placed.append(Placed(tried(one), winner.id, now - one.queued_at))
        else:
            unplaced.append(Unplaced(tried(one), winner))
    return Results(tuple(placed), tuple(unplaced))


class _Floor:
    """Everything one auction knows while it goes on."""

    def __init__(self, zones: Zones, rules: Rules, lrps: Sequence[LRPAuction]) -> None:
        self._zones = zones
        self._rules = rules
        self._starting = sum(cell.starting for cells in zones.values() for cell in cells)
        self._finders: dict[PlacementConstraint, tuple[dict[str, Finder], str]] = {}
        self._hopeless: set[tuple[type[Auction], Size]] = set()
        self._homes = _homes(zones, {one.lrp.key.process_guid for one in lrps})

    def place(self, one: Auction) -> Cell | str:
        """Return the cell that won, with what it won reserved; or the reason why there is none."""
        if not self._zones:
            return NO_COMMUNICATION
        if 0 < self._rules.starting_maximum <= self._starting:
            return TOO_MANY_STARTING
        wanted = one.lrp if isinstance(one, LRPAuction) else one.task
        finders, reason = self._match(wanted.placement)
        if not finders:
            return reason
        size = (wanted.placement, wanted.resource.memory_mb, wanted.resource.disk_mb)
        winner = None if (type(one), size) in self._hopeless else self._winner(one, finders, size)
        if winner is None:
            # It stays so: nothing leaves a cell while an auction goes on.
            self._hopeless.add((type(one), size))
            return insufficient(_lacking(finders.values(), size, with_proxy=isinstance(one, LRPAuction)))
        self._take(one, winner[2], wanted.resource)
        return winner[2]

    def _match(self, constraint: PlacementConstraint) -> tuple[dict[str, Finder], str]:
        if constraint not in self._finders:
            zones, reason = compatible(self._zones, constraint)
            self._finders[constraint] = {zone: Finder(cells) for zone, cells in zones.items()}, reason
        return self._finders[constraint]

    def _winner(self, one: Auction, finders: dict[str, Finder], size: Size) -> Entry | None:
        _, memory, disk = size
        if isinstance(one, TaskAuction):
            return best(finder.for_task(memory, disk) for finder in finders.values())
        process = one.lrp.key.process_guid
        homes = self._homes.setdefault(process, {})
        count = {zone: homes[zone].instances if zone in homes else 0 for zone in finders}
        for _, equals in groupby(sorted(finders, key=count.__getitem__), key=count.__getitem__):
            # Zones with equally many instances compete; the next are asked only when nothing fits in these.
            winner = best(
                finders[zone].for_instance(process, memory, disk, homes[zone].cells if zone in homes else {})
                for zone in equals
            )
            if winner is not None:
                return winner
        return None

    def _take(self, one: Auction, cell: Cell, resource: Resource) -> None:
        self._starting += 1
        if isinstance(one, LRPAuction):
            process = one.lrp.key.process_guid
            cell.take_lrp(process, resource)
            self._homes[process].setdefault(cell.state.zone, _Home()).add(cell, 1)
        else:
            cell.take_task(resource)


class _Home:
    """What one process has in one zone: cells with instances, by id, and how many instances in all."""

    __slots__ = ("cells", "instances")

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.instances = 0

    def add(self, cell: Cell, count: int) -> None:
        self.cells[cell.id] = cell
        self.instances += count


def _homes(zones: Zones, processes: Container[str]) -> dict[str, dict[str, _Home]]:
    """Return process → zone → home, for the processes asked for."""
    found: dict[str, dict[str, _Home]] = {}
    for zone, cells in zones.items():
        for cell in cells:
            for process, count in cell.instances.items():
                if process in processes:
                    found.setdefault(process, {}).setdefault(zone, _Home()).add(cell, count)
    return found


def _lacking(finders: Iterable[Finder], size: Size, *, with_proxy: bool) -> list[str]:
    """Return the resources of which no compatible cell has enough."""
    _, memory, disk = size
    many = list(finders)
    usable = "memory beside proxy" if with_proxy else "memory"
    most = {
        "memory": max(one.most(usable, lambda cell: cell.memory - cell.proxy * with_proxy) for one in many),
        "disk": max(one.most("disk", lambda cell: cell.disk) for one in many),
        "containers": max(one.most("containers", lambda cell: cell.containers) for one in many),
    }
    needed = {"memory": memory, "disk": disk, "containers": 1}
    return [name for name in needed if most[name] < needed[name]]
