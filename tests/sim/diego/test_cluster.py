"""Storms over a simulated cluster, and what is true when they have passed."""

from __future__ import annotations

import random

import pytest
from cf_wire.rep import Resources
from diego.convergence import Reason

from tests.sim.diego.cluster import Cluster

SETTLED_S = 240
"""Cells lapse within 15 s, are replaced within 30 s more, and the twice crashed wait 30 s for the next convergence."""


def storm(cluster: Cluster, chance: random.Random, moments: int) -> None:
    """Let many things go wrong, some of them at once, and bring everything back."""
    names = list(cluster.cells)
    away: set[str] = set()
    for _ in range(moments):
        name = chance.choice(names)
        match chance.randrange(8):
            case 0 if len(away) < len(names) // 3:
                cluster.kill(name)
                away.add(name)
            case 1 if len(away) < len(names) // 3:
                cluster.partition(name)
                away.add(name)
            case 2 if name not in away and len(away) < len(names) // 3:
                cluster.evacuate(name)
                away.add(name)
            case 3 | 4 if away:
                back = chance.choice(sorted(away))
                away.discard(back)
                cluster.heal(back)
            case 5:
                cluster.crash_one()
            case 6:
                process = chance.choice(sorted(cluster.desired))
                cluster.scale(process, chance.randint(0, 8))
            case _:
                process = f"app-{chance.randrange(30)}"
                if process in cluster.desired:
                    cluster.undesire(process)
                else:
                    cluster.desire(process, chance.randint(1, 5))
        cluster.run(chance.uniform(0, 40))
    for name in sorted(away):
        cluster.heal(name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_after_a_storm_every_index_runs_exactly_once(seed: int) -> None:
    cluster = Cluster(seed, cells=15)
    for number in range(12):
        cluster.desire(f"app-{number}", 1 + number % 5)
    cluster.run(30)
    storm(cluster, random.Random(seed), moments=60)
    cluster.run(SETTLED_S)
    cluster.assert_settled()


def test_a_calm_cluster_stays_as_it_is() -> None:
    cluster = Cluster(1, cells=6)
    cluster.desire("p", 6)
    cluster.run(60)
    cluster.assert_settled()
    before = {key: dict(held) for key, held in cluster.rows.items()}
    cluster.run(300)
    assert before == cluster.rows
    assert cluster.reasons == {}
    assert cluster.spread_of("p") == (0, 0)


def test_a_short_absence_costs_nothing() -> None:
    cluster = Cluster(2, cells=3)
    cluster.desire("p", 3)
    cluster.run(31)
    cluster.partition("cell-0000")
    cluster.run(10)
    cluster.heal("cell-0000")
    cluster.run(100)
    cluster.assert_settled()
    assert cluster.reasons == {}


def test_a_long_absence_is_bridged_and_the_late_instance_stopped() -> None:
    cluster = Cluster(3, cells=3)
    cluster.desire("p", 3)
    cluster.run(31)
    cluster.partition("cell-0000")
    cluster.run(60)
    assert cluster.reasons[Reason.MISSING_CELL] == 1
    assert len(cluster.cells["cell-0000"].containers) == 1
    cluster.heal("cell-0000")
    cluster.run(60)
    cluster.assert_settled()
    assert len(cluster.cells["cell-0000"].containers) == 0


def test_what_finds_no_room_waits_and_says_so() -> None:
    cluster = Cluster(4, cells=2, zones=1, total=Resources(100, 1000, 10))
    cluster.desire("p", 5, memory=40)
    cluster.run(20)
    errors = [row.placement_error for held in cluster.rows.values() for row in held.values()]
    assert sorted(errors) == ["", "", "", "", "insufficient resources: memory"]
    cluster.scale("p", 4)
    cluster.run(60)
    cluster.assert_settled()


def test_an_evacuated_cell_is_empty_and_nothing_was_ever_down() -> None:
    cluster = Cluster(5, cells=4, zones=1)
    cluster.desire("p", 8)
    cluster.run(31)
    cluster.evacuate("cell-0001")
    for _ in range(30):
        cluster.run(1)
        live = {one.key for cell in cluster.cells.values() for one in cell.containers.values() if one.running}
        assert len(live) == 8
    assert cluster.cells["cell-0001"].containers == {}
    cluster.assert_settled()


@pytest.mark.slow
def test_a_thousand_cells_live_through_the_loss_of_fifty() -> None:
    cluster = Cluster(6, cells=1000)
    for number in range(1000):
        cluster.desire(f"app-{number:04}", 10)
    cluster.run(20)
    for counts in cluster.per_cell().values():
        # Apart comes before even: the last cell with room may already have an instance of the last process.
        assert max(counts.values()) - min(counts.values()) <= 2
    assert {cluster.spread_of(f"app-{number:04}") for number in range(0, 1000, 100)} == {(1, 1)}
    lost = cluster.chance.sample(sorted(cluster.cells), 50)
    for position, name in enumerate(lost):
        (cluster.kill, cluster.partition, cluster.evacuate)[position % 3](name)
    cluster.run(90)
    for name in lost:
        cluster.heal(name)
    cluster.run(120)
    cluster.assert_settled()
    assert cluster.reasons[Reason.MISSING_CELL] > 300
