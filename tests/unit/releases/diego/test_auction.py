"""Who wins, who does not, and in which words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cf_wire.rep import (
    LRP,
    CellState,
    LRPKey,
    LRPStartRequest,
    PlacementConstraint,
    Resource,
    Resources,
    RootFSProvider,
    Task,
    Work,
)
from diego.auction import LRPAuction, Queue, Results, Rules, TaskAuction, auction, settle, works

LINUX = PlacementConstraint("preloaded:cflinuxfs4")
ALL_OF_IT = Resources(1000, 1000, 100)


def cell(name: str, **changes: object) -> CellState:
    made = CellState(
        name,
        rootfs_providers={"preloaded": RootFSProvider(frozenset({"cflinuxfs4"})), "docker": RootFSProvider()},
        available=ALL_OF_IT,
        total=ALL_OF_IT,
        zone="z1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def lrp(process: str, index: int = 0, memory: int = 10, disk: int = 10, placement: PlacementConstraint = LINUX) -> LRP:
    return LRP(LRPKey(process, index, "cf-apps"), placement, Resource(memory, disk))


def instances(process: str, count: int, first: int = 0, memory: int = 10, disk: int = 10) -> list[LRPAuction]:
    return [LRPAuction(lrp(process, first + number, memory, disk)) for number in range(count)]


def tasks(count: int, memory: int = 10) -> list[TaskAuction]:
    return [TaskAuction(Task(f"t{number}", "d", LINUX, Resource(memory, 10))) for number in range(count)]


def homes(results: Results) -> Counter[str]:
    return Counter(one.cell_id for one in results.placed)


def reasons(results: Results) -> list[str]:
    return [one.reason for one in results.unplaced]


class TestFilters:
    @pytest.mark.parametrize(
        ("rootfs", "fits"),
        [
            ("preloaded:cflinuxfs4", True),
            ("preloaded:windows", False),
            ("preloaded:cflinuxfs4?layer=x", True),
            ("preloaded://cflinuxfs4", False),
            ("docker:///busybox", True),
            ("other:x", False),
            ("http://[", False),
            ("", False),
        ],
    )
    def test_rootfs(self, rootfs: str, fits: bool) -> None:
        results = auction([cell("a")], [LRPAuction(lrp("p", placement=PlacementConstraint(rootfs)))])
        assert reasons(results) == ([] if fits else ["found no compatible cell for required rootfs"])

    def test_volume_drivers(self) -> None:
        wants = [LRPAuction(lrp("p", placement=replace(LINUX, volume_drivers=("nfs", "smb"))))]
        assert reasons(auction([cell("a", volume_drivers=("nfs",))], wants)) == [
            "found no compatible cell with required volume drivers"
        ]
        assert homes(auction([cell("a", volume_drivers=("smb", "nfs", "x"))], wants)) == {"a": 1}

    @pytest.mark.parametrize(
        ("required", "optional", "wanted", "fits"),
        [
            ((), (), (), True),
            (("a",), (), (), False),
            (("a",), (), ("a",), True),
            ((), ("b",), (), True),
            ((), ("b",), ("b",), True),
            (("a",), ("b",), ("a", "b"), True),
            (("a",), ("b",), ("b",), False),
            (("a",), (), ("a", "c"), False),
        ],
    )
    def test_required_tags_within_wanted_within_all(
        self, required: tuple[str, ...], optional: tuple[str, ...], wanted: tuple[str, ...], fits: bool
    ) -> None:
        one = cell("a", placement_tags=required, optional_placement_tags=optional)
        results = auction([one], [LRPAuction(lrp("p", placement=replace(LINUX, placement_tags=wanted)))])
        assert (len(results.placed) == 1) is fits

    @pytest.mark.parametrize(
        ("tags", "reason"),
        [
            ((), "found no compatible cell with no placement tags"),
            (("a",), 'found no compatible cell with placement tag "a"'),
            (("a", "b", "c"), 'found no compatible cell with placement tags "a", "b" and "c"'),
        ],
    )
    def test_missing_tags_are_named(self, tags: tuple[str, ...], reason: str) -> None:
        wants = [LRPAuction(lrp("p", placement=replace(LINUX, placement_tags=tags)))]
        assert reasons(auction([cell("a", placement_tags=("other",))], wants)) == [reason]

    def test_the_furthest_filter_of_all_zones_is_named(self) -> None:
        cells = [cell("a", rootfs_providers={}), cell("b", zone="z2", placement_tags=("t",))]
        assert reasons(auction(cells, instances("p", 1))) == ["found no compatible cell with no placement tags"]


class TestFit:
    @pytest.mark.parametrize(
        ("free", "reason"),
        [
            (Resources(9, 1000, 100), "insufficient resources: memory"),
            (Resources(1000, 9, 100), "insufficient resources: disk"),
            (Resources(1000, 1000, 0), "insufficient resources: containers"),
            (Resources(9, 9, 0), "insufficient resources: containers, disk, memory"),
        ],
    )
    def test_what_lacks_is_named(self, free: Resources, reason: str) -> None:
        assert reasons(auction([cell("a", available=free)], instances("p", 1))) == [reason]
        assert reasons(auction([cell("a", available=free)], [], tasks(1))) == [reason]

    def test_only_what_every_cell_lacks_is_named(self) -> None:
        cells = [cell("a", available=Resources(9, 9, 9)), cell("b", available=Resources(9, 100, 9))]
        assert reasons(auction(cells, instances("p", 1))) == ["insufficient resources: memory"]
        cells = [cell("a", available=Resources(9, 100, 9)), cell("b", available=Resources(100, 9, 9))]
        assert reasons(auction(cells, instances("p", 1))) == ["insufficient resources"]

    def test_a_proxy_needs_memory_beside_an_instance_but_not_beside_a_task(self) -> None:
        one = cell("a", available=Resources(41, 1000, 100), proxy_memory_mb=32)
        assert reasons(auction([one], instances("p", 1))) == ["insufficient resources: memory"]
        assert homes(auction([one], [], tasks(1))) == {"a": 1}
        # The second would fit beside the first without its proxy.
        assert homes(auction([replace(one, available=Resources(80, 1000, 100))], instances("p", 2))) == {"a": 1}

    def test_nothing_is_taken_twice(self) -> None:
        results = auction([cell("a", available=Resources(25, 1000, 100))], instances("p", 3))
        assert homes(results) == {"a": 2}
        assert reasons(results) == ["insufficient resources: memory"]

    def test_a_cell_that_has_none_of_a_resource_takes_what_needs_none(self) -> None:
        bare = cell("a", available=Resources(100, 0, 5), total=Resources(100, 0, 5))
        assert homes(auction([bare], instances("p", 1, disk=0))) == {"a": 1}

    def test_without_cells_nobody_answered(self) -> None:
        nobody = [cell("a", evacuating=True)]
        results = auction(nobody, instances("p", 1), tasks(1))
        assert reasons(results) == ["unable to communicate to compatible cells"] * 2

    def test_no_more_start_at_once_than_allowed(self) -> None:
        busy = [cell("a", starting_container_count=2), cell("b", starting_container_count=1)]
        results = auction(busy, instances("p", 2), tasks(1), rules=Rules(starting_maximum=4))
        assert len(results.placed) == 1
        assert reasons(results) == ["waiting to start instance: reached in-flight start limit"] * 2


class TestOrder:
    def test_first_instances_then_tasks_then_the_others(self) -> None:
        # Room for three of five.
        tight = [cell("a", available=Resources(30, 1000, 100))]
        results = auction(tight, [*instances("p", 3), *instances("q", 1)], tasks(1))
        assert [type(one.auction).__name__ for one in results.placed] == ["LRPAuction", "LRPAuction", "TaskAuction"]
        assert [one.auction.lrp.key.index for one in results.unplaced if isinstance(one.auction, LRPAuction)] == [1, 2]

    def test_the_larger_first(self) -> None:
        tight = [cell("a", available=Resources(30, 1000, 100))]
        results = auction(tight, [*instances("small", 1, memory=10), *instances("large", 1, memory=25)])
        assert [one.auction.identifier for one in results.placed] == [("large", 0)]
        results = auction(tight, [], [*tasks(1, 10), TaskAuction(Task("big", "d", LINUX, Resource(25, 0)))])
        assert [one.auction.identifier for one in results.placed] == ["big"]


class TestScore:
    def test_instances_of_a_process_spread(self) -> None:
        cells = [cell(name) for name in "abc"]
        assert homes(auction(cells, instances("p", 3))) == {"a": 1, "b": 1, "c": 1}

    def test_those_already_there_count(self) -> None:
        cells = [cell("a", lrps=(lrp("p"),)), cell("b", available=Resources(100, 100, 10))]
        assert homes(auction(cells, instances("p", 1, first=1))) == {"b": 1}

    def test_the_emptier_cell_wins(self) -> None:
        cells = [cell("a", available=Resources(500, 500, 50)), cell("b", available=Resources(600, 500, 50))]
        assert homes(auction(cells, instances("p", 1))) == {"b": 1}

    def test_starting_containers_weigh_a_quarter(self) -> None:
        cells = [cell("a", starting_container_count=1), cell("b", available=Resources(300, 1000, 100))]
        assert homes(auction(cells, instances("p", 1))) == {"b": 1}
        cells = [cell("a", starting_container_count=1), cell("b", available=Resources(200, 1000, 100))]
        assert homes(auction(cells, instances("p", 1))) == {"a": 1}

    def test_tasks_spread_by_the_number_of_tasks(self) -> None:
        cells = [cell("a", tasks=(Task("t"),)), cell("b", available=Resources(100, 100, 10))]
        assert homes(auction(cells, [], tasks(1))) == {"b": 1}

    def test_packing_prefers_the_first_cells(self) -> None:
        cells = [cell("b", cell_index=7), cell("a", cell_index=3), cell("c", cell_index=90)]
        results = auction(cells, [one for name in "pqr" for one in instances(name, 1)], rules=Rules(bin_pack_weight=10))
        assert homes(results) == {"a": 3}

    def test_the_zone_with_the_fewest_instances_comes_first(self) -> None:
        cells = [cell("a", lrps=(lrp("p"),)), cell("b"), cell("c", zone="z2", available=Resources(20, 20, 2))]
        assert homes(auction(cells, instances("p", 1, first=1))) == {"c": 1}

    def test_the_next_zone_is_asked_when_the_first_is_full(self) -> None:
        cells = [cell("a", lrps=(lrp("p"),)), cell("c", zone="z2", available=Resources(5, 20, 2))]
        assert homes(auction(cells, instances("p", 1, first=1))) == {"a": 1}

    def test_zones_with_equally_many_compete(self) -> None:
        cells = [cell("a", available=Resources(500, 500, 50)), cell("b", zone="z2")]
        assert homes(auction(cells, instances("p", 1))) == {"b": 1}


class Naive:
    """The scoring as it is described, looking at every cell each time."""

    def __init__(self, cells: Sequence[CellState], rules: Rules) -> None:
        self.cells = {one.cell_id: one for one in cells}
        self.rules = rules

    def scores(self, one: LRPAuction | TaskAuction) -> dict[str, float]:
        if isinstance(one, TaskAuction):
            return self._scores(list(self.cells.values()), one)
        process = one.lrp.key.process_guid
        zones: dict[str, list[CellState]] = {}
        for held in self.cells.values():
            zones.setdefault(held.zone, []).append(held)
        count = {zone: sum(_has(held, process) for held in members) for zone, members in zones.items()}
        for number in sorted(set(count.values())):
            found = self._scores([held for zone in zones if count[zone] == number for held in zones[zone]], one)
            if found:
                return found
        return {}

    def _scores(self, cells: Sequence[CellState], one: LRPAuction | TaskAuction) -> dict[str, float]:
        return {held.cell_id: score for held in cells if (score := self._score(held, one)) is not None}

    def _score(self, held: CellState, one: LRPAuction | TaskAuction) -> float | None:
        needs = one.lrp.resource if isinstance(one, LRPAuction) else one.task.resource
        memory = needs.memory_mb + (held.proxy_memory_mb if isinstance(one, LRPAuction) else 0)
        free, total = held.available, held.total
        if memory > free.memory_mb or needs.disk_mb > free.disk_mb or free.containers < 1:
            return None
        used = (
            (1 - (free.memory_mb - memory) / total.memory_mb)
            + (1 - (free.disk_mb - needs.disk_mb) / total.disk_mb)
            + (1 - (free.containers - 1) / total.containers)
        ) / 3
        there = _has(held, one.lrp.key.process_guid) if isinstance(one, LRPAuction) else len(held.tasks)
        return used + self.rules.starting_weight * held.starting_container_count + 1000 * there

    def take(self, cell_id: str, one: LRPAuction | TaskAuction) -> None:
        held = self.cells[cell_id]
        needs = one.lrp.resource if isinstance(one, LRPAuction) else one.task.resource
        memory = needs.memory_mb + (held.proxy_memory_mb if isinstance(one, LRPAuction) else 0)
        free = held.available
        left = Resources(free.memory_mb - memory, free.disk_mb - needs.disk_mb, free.containers - 1)
        held = replace(held, available=left, starting_container_count=held.starting_container_count + 1)
        if isinstance(one, LRPAuction):
            held = replace(held, lrps=(*held.lrps, one.lrp))
        else:
            held = replace(held, tasks=(*held.tasks, one.task))
        self.cells[cell_id] = held


def _has(held: CellState, process: str) -> int:
    return sum(one.key.process_guid == process for one in held.lrps)


def random_cells(chance: random.Random, *, alike: bool) -> list[CellState]:
    cells = []
    for number in range(chance.randint(1, 25)):
        size = 1000 if alike else chance.choice([500, 1000, 1001, 1500, 2000, 4000])
        total = Resources(size, size * 2, 40)
        free = Resources(chance.randint(0, size), chance.randint(0, size * 2), chance.randint(0, 40))
        held = tuple(lrp(chance.choice("pqrs"), index) for index in range(chance.randint(0, 4)))
        cells.append(
            cell(
                f"c{number:02}",
                zone=chance.choice(["z1", "z2", "z3"]),
                total=total,
                available=free,
                lrps=held,
                starting_container_count=chance.randint(0, 3),
                proxy_memory_mb=0 if alike else chance.choice([0, 32]),
            )
        )
    return cells


@pytest.mark.parametrize("seed", range(30))
def test_every_winner_is_the_best_that_looking_at_all_cells_finds(seed: int) -> None:
    chance = random.Random(seed)
    cells = random_cells(chance, alike=seed % 2 == 0)
    wanted = [
        LRPAuction(lrp(process, 10 + index, memory=chance.choice([5, 50, 200]), disk=chance.choice([5, 300])))
        for process in "pqrs"
        for index in range(chance.randint(0, 25))
    ]
    works_too = [
        TaskAuction(Task(f"t{number}", "d", LINUX, Resource(chance.choice([5, 90]), 5))) for number in range(10)
    ]
    results = auction(cells, wanted, works_too)
    assert len(results.placed) + len(results.unplaced) == len(wanted) + len(works_too)
    naive = Naive(cells, Rules())
    for one in results.placed:
        scores = naive.scores(one.auction)
        assert scores[one.cell_id] == pytest.approx(min(scores.values()), abs=1e-9), one
        naive.take(one.cell_id, one.auction)
    assert [naive.scores(one.auction) for one in results.unplaced] == [{}] * len(results.unplaced)


def test_one_process_on_every_cell_stays_within_one() -> None:
    cells = [cell(f"c{number}", available=Resources(900 - number % 7, 900, 90)) for number in range(20)]
    counts = homes(auction(cells, instances("p", 130, memory=1, disk=1)))
    assert max(counts.values()) - min(counts.values()) == 1


class TestResults:
    def test_work_goes_to_each_winner_once(self) -> None:
        results = auction([cell("a"), cell("b")], instances("p", 2), tasks(1))
        asked = works(results)
        assert sorted(asked) == ["a", "b"]
        assert sum(len(one.lrps) for one in asked.values()) == 2
        assert [one.cell_id for one in asked.values() if one.tasks] == [results.placed[1].cell_id]

    def test_attempts_and_waiting_are_counted(self) -> None:
        wanted = [replace(one, queued_at=100, attempts=1) for one in instances("p", 1)]
        [placed] = auction([cell("a")], wanted, now=130).placed
        assert (placed.waited, placed.auction.attempts) == (30, 2)

    def test_what_a_cell_refuses_was_not_placed(self) -> None:
        results = auction([cell("a"), cell("b")], instances("p", 2), tasks(1))
        [refused] = [one for one in results.placed if one.auction.identifier == ("p", 0)]
        settled = settle(results, {refused.cell_id: Work(lrps=(lrp("p", 0),)), "gone": Work(tasks=(Task("t0"),))})
        assert [(one.auction.identifier, one.reason) for one in settled.unplaced] == [(("p", 0), "")]
        assert len(settled.placed) == 2

    def test_the_same_request_twice_waits_once(self) -> None:
        request = LRPStartRequest("p", "cf-apps", (0, 1), LINUX, Resource(1, 1))
        queue = Queue().with_lrps([request, request], 5).with_tasks([Task("t"), Task("t")], 6).with_lrps([request], 9)
        assert [(one.identifier, one.queued_at) for one in queue.lrps] == [(("p", 0), 5), (("p", 1), 5)]
        assert [one.queued_at for one in queue.tasks] == [6]
        assert queue
        assert not Queue()
