"""The deciding cores of Diego, on the shapes that the original was measured with."""

from __future__ import annotations

from collections import Counter
from time import perf_counter

from cf_wire.rep import LRP, CellState, LRPKey, PlacementConstraint, Resource, Resources, RootFSProvider
from diego.auction import LRPAuction, auction
from diego.convergence import DesiredLRP, Snapshot, Tag, converge
from diego.lrp_states import RUNNING, ActualLRP, InstanceKey, Key, NetInfo, Runtime

from .conftest import Report

STACK = PlacementConstraint("preloaded:cflinuxfs4")
PROVIDERS = {"preloaded": RootFSProvider(frozenset({"cflinuxfs4"}))}
TOTAL = Resources(100_000, 100_000, 1_000)
# Cells, instances, processes, seconds of the original for one batch (2 cores, Go 1.27).
AUCTIONS = [
    (20, 200, 200, 0.007),
    (100, 1_000, 1_000, 0.135),
    (100, 1_000, 1, 0.095),
    (100, 10_000, 10_000, 1.33),
    (250, 10_000, 10_000, 3.0),
    (1_000, 1_000, 1_000, 0.96),
    (1_000, 10_000, 10_000, 12.3),
    (1_000, 10_000, 100, None),
    (1_000, 10_000, 1, None),
]


def test_auctions(report: Report) -> None:
    rows = []
    for cells, instances, processes, original in AUCTIONS:
        states = [
            CellState(f"c{number:04}", rootfs_providers=PROVIDERS, available=TOTAL, total=TOTAL)
            for number in range(cells)
        ]
        wanted = [
            LRPAuction(LRP(LRPKey(f"p{number % processes}", number // processes), STACK, Resource(10, 10)))
            for number in range(instances)
        ]
        begin = perf_counter()
        results = auction(states, wanted)
        took = perf_counter() - begin
        assert results.unplaced == ()
        counts = Counter(one.cell_id for one in results.placed)
        spread = max(counts.values()) - min(counts.values())
        assert spread <= 1
        rows.append(
            [f"{cells} x {instances}, {processes} apps", took, original or "", f"{instances / took:.0f}", spread]
        )
    report.table("one auction", ["cells x instances", "s", "s, original", "placements/s", "spread"], rows)


def test_convergence(report: Report) -> None:
    rows = []
    for instances in (10_000, 50_000, 100_000):
        actual = [_running(number) for number in range(instances)]
        desired = [
            DesiredLRP(f"p{number:06}", "d", 10, ("a",), {"app": Tag("a"), "i": Tag(dynamic=1)})
            for number in range(instances // 10)
        ]
        cells = [f"c{number}" for number in range(100)]
        took = {}
        for lost in (0, 5):
            begin = perf_counter()
            steps, _ = converge(Snapshot(desired, actual, cells[lost:], {"d": 10**30}, 10**12), lambda: "epoch")
            took[lost] = perf_counter() - begin
            assert len(steps) == instances * lost // 100
        rows.append([instances, took[0], took[5]])
    report.table("one convergence, without the database", ["instances", "s, steady", "s, 5 of 100 cells gone"], rows)


def _running(number: int) -> ActualLRP:
    key = Key(f"p{number // 10:06}", number % 10, "d")
    runtime = Runtime(NetInfo("10.0.0.1"), ("a",), {"app": "a", "i": str(number % 10)})
    return ActualLRP(key, RUNNING, 5, InstanceKey(f"ig{number}", f"c{number % 100}"), runtime=runtime)
