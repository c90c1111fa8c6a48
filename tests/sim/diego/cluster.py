"""A cluster that exists only in memory: simulated cells around the real auction, convergence and instance states.

Time is a number that events move forward. Every choice comes from one seeded generator, so a seed is a whole story.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from cf_wire.rep import (
    LRP,
    CellState,
    LRPKey,
    LRPStartRequest,
    PlacementConstraint,
    Resource,
    Resources,
    RootFSProvider,
)
from diego.auction import LRPAuction, Queue, Results, auction, works
from diego.convergence import DesiredLRP, Reason, Snapshot, converge
from diego.lrp_states import (
    RUNNING,
    ActualLRP,
    InstanceKey,
    Key,
    LRPError,
    NetInfo,
    Outcome,
    Presence,
    Runtime,
    Wanted,
    claim,
    crash,
    evacuate_claimed,
    evacuate_running,
    fail,
    remove,
    retire,
    start,
)

SECOND = 1_000_000_000
PRESENCE_TTL_S = 15
CONVERGE_S = 30
REP_BULK_S = 30
EVACUATION_BULK_S = 10
USUAL = Resources(8192, 32768, 250)
STACK = PlacementConstraint("preloaded:cflinuxfs4")


@dataclass(slots=True)
class Container:
    """One container on a cell."""

    key: Key
    resource: Resource
    running: bool = False


@dataclass(slots=True)
class SimCell:
    """One cell: what it has, holds, and whether others can reach it."""

    id: str
    zone: str
    total: Resources
    containers: dict[str, Container] = field(default_factory=dict)
    reachable: bool = True
    present: bool = True
    evacuating: bool = False
    starting: int = 0

    def free(self) -> Resources:
        used = [one.resource for one in self.containers.values()]
        return Resources(
            self.total.memory_mb - sum(one.memory_mb for one in used),
            self.total.disk_mb - sum(one.disk_mb for one in used),
            self.total.containers - len(used),
        )

    def state(self) -> CellState:
        return CellState(
            self.id,
            rootfs_providers={"preloaded": RootFSProvider(frozenset({"cflinuxfs4"}))},
            available=self.free(),
            total=self.total,
            lrps=tuple(
                LRP(LRPKey(one.key.process_guid, one.key.index, one.key.domain)) for one in self.containers.values()
            ),
            starting_container_count=self.starting,
            zone=self.zone,
            evacuating=self.evacuating,
        )


class Cluster:
    """BBS, auctioneer and cells in one place; calls between them take no time, but what cells do does."""

    def __init__(self, seed: int, cells: int, *, zones: int = 3, total: Resources = USUAL) -> None:
        self.chance = random.Random(seed)
        self.now = SECOND
        self.cells = {
            name: SimCell(name, f"z{number % zones}", total)
            for number in range(cells)
            for name in [f"cell-{number:04}"]
        }
        self.desired: dict[str, DesiredLRP] = {}
        self.resources: dict[str, Resource] = {}
        self.rows: dict[Key, dict[Presence, ActualLRP]] = {}
        self._on_cell: dict[str, set[Key]] = {}
        self.domains = {"cf-apps": 10**30}
        self.queue = Queue()
        self.results: list[Results] = []
        self.reasons: Counter[str] = Counter()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._auction_due = False
        self._every(CONVERGE_S, self.converge)
        for cell in self.cells.values():
            self._every(REP_BULK_S, partial(self._bulk, cell), first=self.chance.uniform(0, REP_BULK_S))

    # Time

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + int(seconds * SECOND), next(self._number), act))

    def _every(self, seconds: float, act: Callable[[], None], first: float | None = None) -> None:
        def again() -> None:
            act()
            self.after(seconds, again)

        self.after(seconds if first is None else first, again)

    def run(self, seconds: float) -> None:
        until = self.now + int(seconds * SECOND)
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = until

    # What users do

    def desire(self, process: str, instances: int, memory: int = 64, disk: int = 128, domain: str = "cf-apps") -> None:
        self.desired[process] = DesiredLRP(process, domain, instances)
        self.resources[process] = Resource(memory, disk)
        for index in range(instances):
            key = Key(process, index, domain)
            if Presence.ORDINARY not in self.rows.get(key, {}):
                self._write([(None, ActualLRP(key, since=self.now, epoch=self._guid()))])
                self._request(key)

    def scale(self, process: str, instances: int) -> None:
        before = self.desired[process]
        self.desire(
            process, instances, self.resources[process].memory_mb, self.resources[process].disk_mb, before.domain
        )
        self._retire(process, instances)

    def undesire(self, process: str) -> None:
        del self.desired[process]
        self._retire(process, 0)

    def _retire(self, process: str, first: int) -> None:
        for key in [key for key in self.rows if key.process_guid == process and key.index >= first]:
            row = self.rows[key].get(Presence.ORDINARY)
            if row is not None:
                cell = self.cells.get(row.instance.cell_id)
                self._carry_out(key, retire([row], cell_is_there=cell is not None and cell.present))

    # What goes wrong

    def kill(self, cell_id: str) -> None:
        """Lose a cell and everything on it."""
        self.cells[cell_id].containers.clear()
        self.cells[cell_id].starting = 0
        self.partition(cell_id)

    def partition(self, cell_id: str) -> None:
        """Cut a cell off; what runs on it runs on."""
        self.cells[cell_id].reachable = False
        self.after(PRESENCE_TTL_S, lambda: self._lapse(cell_id))

    def _lapse(self, cell_id: str) -> None:
        cell = self.cells[cell_id]
        if not cell.reachable and cell.present:
            cell.present = False
            self.converge()

    def heal(self, cell_id: str) -> None:
        """Bring a cell back, with whatever is on it."""
        cell = self.cells[cell_id]
        cell.reachable = cell.present = True
        cell.evacuating = False

    def evacuate(self, cell_id: str) -> None:
        """Empty a cell."""
        self.cells[cell_id].evacuating = True
        self._evacuation(self.cells[cell_id])

    def crash_one(self) -> None:
        """Let one running container exit."""
        cells = [cell for cell in self.cells.values() if cell.reachable and not cell.evacuating]
        running = [(cell, guid) for cell in cells for guid, one in cell.containers.items() if one.running]
        if running:
            cell, guid = self.chance.choice(running)
            self._crash(cell, guid)

    # The BBS

    def converge(self) -> None:
        present = [cell.id for cell in self.cells.values() if cell.present]
        rows = [row for held in self.rows.values() for row in held.values()]
        snapshot = Snapshot(list(self.desired.values()), rows, present, self.domains, self.now)
        steps, _ = converge(snapshot, self._guid)
        for step in steps:
            self.reasons[step.reason] += 1
            if step.reason not in {Reason.ROUTES, Reason.TAGS}:
                self._carry_out(step.key, step.outcome)

    def _ask(self, key: Key, request: Callable[[list[ActualLRP]], Outcome]) -> Outcome:
        outcome = request(list(self.rows.get(key, {}).values()))
        self._carry_out(key, outcome)
        return outcome

    def _carry_out(self, key: Key, outcome: Outcome) -> None:
        self._write((change.before, change.after) for change in outcome.changes)
        if outcome.stop is not None:
            self._stop(outcome.stop, key)
        if outcome.auction:
            self._request(key)

    def _write(self, changes: Iterable[tuple[ActualLRP | None, ActualLRP | None]]) -> None:
        pairs = list(changes)
        # All removals first, as one transaction would see them.
        for before, _ in pairs:
            if before is not None:
                assert self.rows[before.key].pop(before.presence) is not None, "a row that is not there was changed"
                self._on_cell.get(before.instance.cell_id, set()).discard(before.key)
        for _, after in pairs:
            if after is not None:
                held = self.rows.setdefault(after.key, {})
                assert after.presence not in held, f"two {after.presence.name} rows of {after.key}"
                held[after.presence] = after
                self._on_cell.setdefault(after.instance.cell_id, set()).add(after.key)
        for before, _ in pairs:
            if before is not None and not self.rows[before.key]:
                del self.rows[before.key]

    # The auctioneer

    def _request(self, key: Key) -> None:
        if key.process_guid in self.desired:
            wanted = LRPStartRequest(
                key.process_guid, key.domain, (key.index,), STACK, self.resources[key.process_guid]
            )
            self.queue = self.queue.with_lrps([wanted], self.now)
            if not self._auction_due:
                self._auction_due = True
                self.after(0.1, self._auction)

    def _auction(self) -> None:
        self._auction_due = False
        queue, self.queue = self.queue, Queue()
        states = [cell.state() for cell in self.cells.values() if cell.present and cell.reachable]
        results = auction(states, queue.lrps, now=self.now)
        self.results.append(results)
        for cell_id, work in works(results).items():
            for lrp in work.lrps:
                self._create(
                    self.cells[cell_id], Key(lrp.key.process_guid, lrp.key.index, lrp.key.domain), lrp.resource
                )
        for one in results.unplaced:
            assert isinstance(one.auction, LRPAuction)
            key = Key(*one.auction.identifier, one.auction.lrp.key.domain)
            self._granted(key, partial(fail, reason=one.reason, now=self.now))

    # The cells

    def _create(self, cell: SimCell, key: Key, resource: Resource) -> None:
        free = cell.free()
        assert free.memory_mb >= resource.memory_mb, f"{cell.id} lacks memory"
        assert free.disk_mb >= resource.disk_mb, f"{cell.id} lacks disk"
        assert free.containers >= 1, f"{cell.id} lacks containers"
        guid = self._guid()
        cell.containers[guid] = Container(key, resource)
        cell.starting += 1
        if self._granted(key, lambda rows: claim(rows, InstanceKey(guid, cell.id), self.now)) is None:
            self._drop(cell, guid)
            return
        self.after(self.chance.uniform(0.5, 5), lambda: self._started(cell, guid))

    def _started(self, cell: SimCell, guid: str) -> None:
        container = cell.containers.get(guid)
        if container is None:
            return
        container.running = True
        cell.starting -= 1
        if cell.reachable:
            self._heartbeat(cell, guid, container)

    def _heartbeat(self, cell: SimCell, guid: str, container: Container) -> None:
        runtime = Runtime(NetInfo(cell.id), routable=True)

        def beginning(rows: list[ActualLRP]) -> Outcome:
            return start(rows, container.key, InstanceKey(guid, cell.id), runtime, now=self.now, epoch=self._guid())

        if self._granted(container.key, beginning) is None:
            self._drop(cell, guid)

    def _crash(self, cell: SimCell, guid: str) -> None:
        key = cell.containers[guid].key
        self._drop(cell, guid)
        self._granted(key, lambda rows: crash(rows, InstanceKey(guid, cell.id), "exited", self.now))

    def _stop(self, instance: InstanceKey, key: Key) -> None:
        cell = self.cells[instance.cell_id]
        if cell.reachable and instance.instance_guid in cell.containers:
            self._drop(cell, instance.instance_guid)
            self._granted(key, lambda rows: remove(rows, instance))

    def _drop(self, cell: SimCell, guid: str) -> None:
        if not cell.containers.pop(guid).running:
            cell.starting -= 1

    def _bulk(self, cell: SimCell) -> None:
        """Compare what is on the cell with what the BBS says, both ways."""
        if not cell.reachable or cell.evacuating:
            return
        for guid, container in list(cell.containers.items()):
            mine = InstanceKey(guid, cell.id)
            known = any(row.instance == mine for row in self.rows.get(container.key, {}).values())
            if container.running:
                if known or container.key.process_guid in self.desired:
                    self._heartbeat(cell, guid, container)
                else:
                    self._drop(cell, guid)
            elif not known:
                self._drop(cell, guid)
        for key in sorted(self._on_cell.get(cell.id, ())):
            row = self.rows[key].get(Presence.ORDINARY)
            if (
                row is not None
                and row.instance.cell_id == cell.id
                and row.instance.instance_guid not in cell.containers
            ):
                self._granted(key, partial(remove, instance=row.instance))

    def _evacuation(self, cell: SimCell) -> None:
        if not (cell.reachable and cell.evacuating):
            return
        for guid, container in list(cell.containers.items()):
            if not self._keeps(cell, guid, container):
                self._drop(cell, guid)
        if cell.containers:
            self.after(EVACUATION_BULK_S, lambda: self._evacuation(cell))

    def _keeps(self, cell: SimCell, guid: str, container: Container) -> bool:
        instance = InstanceKey(guid, cell.id)
        if not container.running:
            self._granted(container.key, lambda rows: evacuate_claimed(rows, instance, self.now))
            return False
        runtime, wanted = Runtime(NetInfo(cell.id), routable=True), self._wanted(container.key.process_guid)
        outcome = self._granted(
            container.key,
            lambda rows: evacuate_running(rows, container.key, instance, runtime, wanted, self.now, self._guid()),
        )
        return outcome is not None and outcome.keep_container

    def _wanted(self, process: str) -> Wanted | None:
        desired = self.desired.get(process)
        if desired is None:
            return None
        keys = (Key(process, index, desired.domain) for index in range(desired.instances))
        ordinary = (self.rows.get(key, {}).get(Presence.ORDINARY) for key in keys)
        return Wanted(desired.instances, sum(row is not None and row.state == RUNNING for row in ordinary))

    def _granted(self, key: Key, request: Callable[[list[ActualLRP]], Outcome]) -> Outcome | None:
        """Return the outcome, or None when the BBS says no."""
        try:
            return self._ask(key, request)
        except LRPError:
            return None

    def _guid(self) -> str:
        return f"{self.chance.getrandbits(64):016x}"

    # What must be true

    def assert_settled(self) -> None:
        """Every wanted index runs exactly once, where the BBS says, and nothing else exists."""
        wanted = {
            Key(one.process_guid, index, one.domain) for one in self.desired.values() for index in range(one.instances)
        }
        assert set(self.rows) == wanted
        stray = {key: held for key, held in self.rows.items() if set(held) != {Presence.ORDINARY}}
        assert stray == {}
        down = {
            key: held[Presence.ORDINARY] for key, held in self.rows.items() if held[Presence.ORDINARY].state != RUNNING
        }
        assert down == {}
        told = {(key, held[Presence.ORDINARY].instance) for key, held in self.rows.items()}
        real = [
            (one.key, InstanceKey(guid, cell.id))
            for cell in self.cells.values()
            for guid, one in cell.containers.items()
        ]
        assert len(real) == len(set(real)) == len(told)
        assert set(real) == told

    def per_cell(self) -> dict[str, Counter[str]]:
        """Return zone → how many containers each of its cells has."""
        found: dict[str, Counter[str]] = {}
        for cell in self.cells.values():
            found.setdefault(cell.zone, Counter())[cell.id] = len(cell.containers)
        return found

    def spread_of(self, process: str) -> tuple[int, int]:
        """Return how unevenly a process lies: over zones, and at most over the cells of one zone."""
        by_zone: dict[str, list[int]] = {}
        for cell in self.cells.values():
            count = sum(one.key.process_guid == process for one in cell.containers.values())
            by_zone.setdefault(cell.zone, []).append(count)
        zones = [sum(counts) for counts in by_zone.values()]
        return max(zones) - min(zones), max(max(counts) - min(counts) for counts in by_zone.values())
