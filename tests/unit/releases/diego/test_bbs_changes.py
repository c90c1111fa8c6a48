"""Which events tell of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from diego.bbs.changes import instance_events
from diego.lrp_states import (
    CLAIMED,
    CRASHED,
    NOBODY,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    Change,
    InstanceKey,
    Key,
    NetInfo,
    Presence,
    Runtime,
)

ME, OTHER = InstanceKey("ig-1", "cell-1"), InstanceKey("ig-2", "cell-2")
UP = ActualLRP(Key("p", 3, "d"), RUNNING, 5, ME, runtime=Runtime(NetInfo("10.0.0.1"), routable=True), epoch="e", tag=4)
WAITING = replace(UP, state=UNCLAIMED, instance=NOBODY, runtime=Runtime())
RESERVED = replace(UP, state=CLAIMED)
DOWN = replace(WAITING, state=CRASHED, crash_count=3, crash_reason="boom", since=9)
COPY = replace(UP, presence=Presence.EVACUATING, epoch="f")
SUSPECT = replace(UP, presence=Presence.SUSPECT)
ELSEWHERE = replace(UP, instance=OTHER)


def names(changes: Sequence[tuple[ActualLRP | None, ActualLRP | None]], *, crashed: bool = False) -> list[str]:
    found = instance_events([Change(*one) for one in changes], "t", crashed=crashed)
    return [
        type(one).__name__.removeprefix("ActualLRP").removeprefix("Instance").removesuffix("Event") for one in found
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([(None, WAITING)], ["Created"]),
        ([(None, UP)], ["Created"]),
        ([(UP, None)], ["Removed"]),
        ([(WAITING, RESERVED)], ["Changed"]),
        ([(RESERVED, UP)], ["Changed"]),
        ([(WAITING, replace(WAITING, placement_error="full"))], ["Changed"]),
        ([(UP, WAITING)], ["Created", "Removed"]),
        ([(DOWN, WAITING)], ["Created", "Removed"]),
        ([(None, COPY), (UP, WAITING)], ["Changed", "Created"]),
        ([(None, COPY), (SUSPECT, None)], ["Changed"]),
        ([(UP, SUSPECT), (None, WAITING)], ["Changed", "Created"]),
        ([(RESERVED, replace(UP, instance=ME)), (COPY, None)], ["Changed"]),
        ([(WAITING, ELSEWHERE), (COPY, None)], ["Changed", "Removed"]),
        ([(ELSEWHERE, None), (SUSPECT, UP)], ["Changed", "Removed"]),
        ([], []),
    ],
)
def test_what_is_told(changes: list[tuple[ActualLRP | None, ActualLRP | None]], told: list[str]) -> None:
    assert names(changes) == told


def test_a_crash_is_told_first() -> None:
    assert names([(UP, WAITING)], crashed=True) == ["Crashed", "Created", "Removed"]
    assert names([(UP, DOWN)], crashed=True) == ["Crashed", "Changed"]
    crash: Any = instance_events([Change(UP, DOWN)], "t", crashed=True)[0]
    assert (crash.actual_lrp_key.index, crash.actual_lrp_instance_key.instance_guid) == (3, "ig-1")
    assert (crash.crash_count, crash.crash_reason, crash.since) == (3, "boom", 9)


def test_a_change_names_the_container_even_when_it_is_gone() -> None:
    [change] = instance_events([Change(UP, DOWN)], "t")
    told: Any = change
    assert (told.actual_lrp_instance_key.cell_id, told.before.state, told.after.state) == (
        "cell-1",
        "RUNNING",
        "CRASHED",
    )
    assert (told.trace_id, told.before.actual_lrp_net_info.address, told.before.Routable) == ("t", "10.0.0.1", True)


def test_routes_are_gained_before_they_are_lost() -> None:
    assert names([(COPY, None), (WAITING, ELSEWHERE)]) == ["Changed", "Removed"]
