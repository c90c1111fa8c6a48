from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.plan.layout import lay_out
from bosh.plan.model import Batch, Change, Options, UpdateInstance
from bosh.plan.update_order import batches, partitions, update_with
from bosh.testing import builders as b
from bosh.wire.errors import BoshError


def steps(instances: int, azs: str = "", bootstrap: int | None = None) -> list[UpdateInstance]:
    group = b.group("web", instances, azs=tuple(azs.split()))
    laid = lay_out(b.desired(group), b.nothing(), options=Options(), ids=b.CountingIds()).instances
    if bootstrap is not None:
        from dataclasses import replace

        laid = tuple(replace(one, bootstrap=one.index == bootstrap) for one in laid)
    return [UpdateInstance(one, None, (Change("new", ""),), "in_place", {}) for one in laid]


def shown(result: tuple[Batch, ...]) -> str:
    """``z1*1[0] z1 1[2]``: zone, star for canaries, in flight, indexes."""
    return " ".join(
        f"{batch.az}{'*' if batch.canary else ' '}{batch.in_flight}{[step.instance.index for step in batch.steps]}".replace(
            " ", ""
        )
        if batch.canary
        else f"{batch.az}:{batch.in_flight}{[step.instance.index for step in batch.steps]}".replace(" ", "")
        for batch in result
    )


@pytest.mark.parametrize(
    ("count", "azs", "update", "expected"),
    [
        pytest.param(3, "", b.update("1", "1"), "*1[0] :1[1,2]", id="one canary, one at a time"),
        pytest.param(3, "", b.update("0", "5"), ":5[0,1,2]", id="no canaries"),
        pytest.param(2, "", b.update("5", "1"), "*1[0,1]", id="more canaries than instances"),
        pytest.param(5, "", b.update("1", "50%"), "*2[0] :2[1,2,3,4]", id="percentages are rounded down"),
        pytest.param(3, "", b.update("1", "10%"), "*1[0] :1[1,2]", id="but at least one at a time"),
        pytest.param(3, "", b.update("10%", "1"), ":1[0,1,2]", id="and canaries down to none"),
        pytest.param(4, "z1 z2", b.update("1", "100%"), "z1*2[0] z1:2[2] z2:2[1,3]", id="canaries in the first zone only, counted per zone"),
        pytest.param(3, "z1 z2", b.update("1", "1"), "z1*1[0] z1:1[2] z2:1[1]", id="zone after zone"),
        pytest.param(0, "", b.update(), "", id="nothing to do"),
    ],
)  # fmt: skip
def test_batches(count: int, azs: str, update, expected: str) -> None:
    assert shown(batches(steps(count, azs), update, initial_deploy=False)) == expected


def test_the_bootstrap_instance_and_its_zone_come_first() -> None:
    result = batches(steps(6, "z1 z2 z3", bootstrap=4), b.update("1", "1"), initial_deploy=False)
    assert shown(result) == "z2*1[4] z2:1[1] z1:1[0,3] z3:1[2,5]"


def test_a_first_deploy_may_take_all_zones_at_once() -> None:
    update = b.update("1", "2", initial_deploy_az_update_strategy="parallel")
    assert shown(batches(steps(4, "z1 z2"), update, initial_deploy=True)) == "*2[0] :2[2,1,3]"
    assert len(batches(steps(4, "z1 z2"), update, initial_deploy=False)) == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(Options(canaries="3"), ((3, False), (1, False)), id="a number"),
        pytest.param(Options(max_in_flight="30 %"), ((1, False), (30, True)), id="a percentage"),
        pytest.param(Options(), ((1, False), (1, False)), id="nothing said"),
    ],
)
def test_what_the_operator_says_wins(options: Options, expected) -> None:
    update = update_with(b.update("1", "1"), options)
    assert tuple((one.value, one.percent) for one in (update.canaries, update.max_in_flight)) == expected


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(BoshError, match="cannot read max-in-flight 'many'"):
        update_with(b.update(), Options(max_in_flight="many"))


def test_partitions() -> None:
    groups = [
        b.group(str(position), update=b.update(serial=serial == "s")) for position, serial in enumerate("sppsspp")
    ]
    assert list(partitions(groups).values()) == [0, 1, 1, 2, 2, 3, 3]


amounts = st.one_of(st.integers(0, 12).map(str), st.integers(0, 100).map(lambda n: f"{n}%"))


@given(st.integers(0, 12), st.sampled_from(["", "z1", "z1 z2", "z1 z2 z3"]), amounts, amounts)
def test_everyone_is_updated_once_within_bounds(count: int, azs: str, canaries: str, in_flight: str) -> None:
    update = b.update(canaries, in_flight)
    result = batches(steps(count, azs), update, initial_deploy=False)
    updated = [step.instance.index for batch in result for step in batch.steps]
    assert sorted(updated) == list(range(count))
    for position, batch in enumerate(result):
        zone = sum(len(other.steps) for other in result if other.az == batch.az)
        assert 1 <= batch.in_flight <= max(1, update.max_in_flight.of(zone, least=1))
        assert batch.canary == all(step.canary for step in batch.steps)
        assert not batch.canary or position == 0
