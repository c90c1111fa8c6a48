"""What a deployment does next."""

from __future__ import annotations

import pytest
from cloud_controller.deployments.decide import (
    CanaryStep,
    Counts,
    Situation,
    Step,
    Web,
    canary_plan,
    first_instances,
    next_step,
)

OLD, NEW = Web("old", 3), "new"


def now(new: int, old: int, counts: Counts, *, flight: int = 1, target: int = 3, interim: int = 3) -> Situation:
    return Situation(Web(NEW, new), (Web("old", old),), counts, flight, target, interim)


@pytest.mark.parametrize(
    ("summary", "situation", "expected"),
    [
        ("the first one still starts", now(1, 3, Counts(starting=1)), Step()),
        ("the first one is up", now(1, 3, Counts(routable=1)), Step((("old", 2), ("new", 2)), healthy=True)),
        ("one is ill: only the surplus goes", now(2, 3, Counts(routable=1, unhealthy=1)), Step((("old", 2),))),
        ("one is ill, nothing to take", now(2, 2, Counts(routable=1, unhealthy=1)), Step()),
        ("the cells have not caught up", now(3, 2, Counts(routable=1)), Step()),
        ("two at a time", now(2, 3, Counts(routable=2), flight=2), Step((("old", 1), ("new", 3)), healthy=True)),
        ("more at a time than wanted", now(3, 3, Counts(routable=3), flight=9), Step((("old", 0),), finished=True)),
        ("all are up", now(3, 0, Counts(routable=3)), Step(finished=True)),
        ("a canary is up", now(1, 3, Counts(routable=1), target=4, interim=1), Step(finished=True)),
        ("a canary starts", now(1, 3, Counts(starting=1), target=4, interim=1), Step()),
    ],
)
def test_next_step(summary: str, situation: Situation, expected: Step) -> None:
    assert next_step(situation) == expected, summary


def test_older_processes_go_first() -> None:
    situation = Situation(Web(NEW, 2), (Web("oldest", 1), Web("older", 2)), Counts(routable=2), 1, 3, 3)
    assert next_step(situation).scale == (("oldest", 0), ("older", 1), ("new", 3))


@pytest.mark.parametrize("size", [1, 2, 5, 10])
@pytest.mark.parametrize("flight", [1, 3, 20])
def test_every_deployment_ends_without_fewer_instances_than_wanted(size: int, flight: int) -> None:
    new, old = min(flight, size), size
    for _ in range(50):
        step = next_step(now(new, old, Counts(routable=new), flight=flight, target=size, interim=size))
        scale = dict(step.scale)
        old, after = scale.get("old", old), scale.get("new", new)
        assert old + new >= size, "running ones, before the new ones come"
        if step.finished:
            assert (old, new) == (0, size)
            return
        new = after
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("steps", "original", "web", "expected"),
    [
        ([], 4, None, [CanaryStep(1, 4)]),
        ([10, 50, 100], 4, None, [CanaryStep(1, 4), CanaryStep(2, 3), CanaryStep(4, 0)]),
        ([50], 10, 5, [CanaryStep(3, 3)]),
    ],
)
def test_canary_plan(steps: list[int], original: int, web: int | None, expected: list[CanaryStep]) -> None:
    assert canary_plan(steps, original, web) == expected


def test_a_new_process_begins_small() -> None:
    assert first_instances("rolling", [], 5, 1) == 1
    assert first_instances("rolling", [], 5, 9) == 5
    assert first_instances("canary", [CanaryStep(2, 4)], 5, 9) == 2
