"""How a cell hands its instances over before it goes. Source: bbs controllers/evacuation_controller.go.

A running instance keeps its routes as EVACUATING until its replacement runs; the answer says whether to keep the container. With the
update strategy RECREATE there is never such a copy: one instance at a time is given up, and only while all others run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from diego.errors import not_found

from .model import (
    CLAIMED,
    CRASHED,
    NOTHING,
    RUNNING,
    ActualLRP,
    Change,
    InstanceKey,
    Key,
    Outcome,
    Presence,
    Runtime,
    of_instance,
    with_presence,
)
from .requests import Rows, crash, remove
from .rows import evacuating, evacuating_again, unclaimed_again

KEEP = Outcome(keep_container=True)
DELETE = NOTHING


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of the process: `running` counts its ordinary rows in state RUNNING."""

    instances: int
    running: int
    recreate: bool = False


def remove_evacuating(rows: Rows, instance: InstanceKey) -> Outcome:
    """An evacuating cell has given up waiting."""
    row = of_instance(rows, instance)
    if row is None or row.presence != Presence.EVACUATING:
        raise not_found()
    return Outcome((Change(row, None),))


def evacuate_claimed(rows: Rows, instance: InstanceKey, now: int) -> Outcome:
    """The container was not yet running: the index waits for another cell.

    Raises:
        LRPError: the row waits already; the cell keeps its container and asks again.
    """
    row = _there(rows, instance)
    if row.presence != Presence.ORDINARY:
        return Outcome((Change(row, None),))
    return Outcome((Change(row, unclaimed_again(row, now)),), auction=True)


def evacuate_crashed(rows: Rows, instance: InstanceKey, reason: str, now: int) -> Outcome:
    """The container has exited. A restart is left to convergence."""
    row = _there(rows, instance)
    if row.presence != Presence.ORDINARY:
        return Outcome((Change(row, None),))
    return replace(crash(rows, instance, reason, now), auction=False)


def evacuate_stopped(rows: Rows, instance: InstanceKey) -> Outcome:
    """The container was stopped on request."""
    row = _there(rows, instance)
    if row.presence != Presence.ORDINARY:
        return Outcome((Change(row, None),))
    return remove(rows, instance)


def evacuate_running(  # noqa: PLR0917
    rows: Rows, key: Key, instance: InstanceKey, runtime: Runtime, wanted: Wanted | None, now: int, epoch: str
) -> Outcome:
    """The container runs: replace it elsewhere first. `wanted` is None when the process is no longer desired."""
    if not rows:
        return DELETE
    target = of_instance(rows, instance)
    ordinary = with_presence(rows, Presence.ORDINARY)
    replaced = ordinary is not None and ordinary is not target and ordinary.state in {RUNNING, CRASHED}
    if ordinary is None or replaced or wanted is None:
        return Outcome(_without_copy(rows, target))
    if wanted.recreate:
        return _give_up(target, rows, wanted, now)
    if target is None or target.presence == Presence.EVACUATING:
        return _keep_copy(rows, target, key, instance, runtime, now, epoch)
    if target.state in {RUNNING, CLAIMED}:
        return _hand_over(rows, target, ordinary, now, epoch)
    return DELETE


def _there(rows: Rows, instance: InstanceKey) -> ActualLRP:
    row = of_instance(rows, instance)
    if row is None:
        raise not_found()
    return row


def _without_copy(rows: Rows, target: ActualLRP | None) -> tuple[Change, ...]:
    copy = with_presence(rows, Presence.EVACUATING)
    if target is None or copy is None or copy.instance != target.instance:
        return ()
    return (Change(copy, None),)


def _give_up(target: ActualLRP | None, rows: Rows, wanted: Wanted, now: int) -> Outcome:
    if target is None:
        return DELETE
    if target.presence == Presence.EVACUATING:
        return Outcome(_without_copy(rows, target))
    if target.presence == Presence.SUSPECT:
        return Outcome((Change(target, None),))
    if target.state not in {RUNNING, CLAIMED}:
        return DELETE
    if wanted.running < wanted.instances:
        return KEEP
    return Outcome((Change(target, unclaimed_again(target, now)),), auction=True)


def _keep_copy(  # noqa: PLR0917
    rows: Rows, target: ActualLRP | None, key: Key, instance: InstanceKey, runtime: Runtime, now: int, epoch: str
) -> Outcome:
    copy = with_presence(rows, Presence.EVACUATING)
    if copy is not None and copy is not target:
        # Another cell evacuates this index as well; one copy is enough.
        return DELETE
    if copy is None:
        made = evacuating(key, instance, runtime, now, epoch)
        return Outcome((Change(None, made),), keep_container=True)
    if (copy.key, copy.instance, copy.runtime.net_info) == (key, instance, runtime.net_info):
        return KEEP
    return Outcome((Change(copy, evacuating_again(copy, key, instance, runtime, now)),), keep_container=True)


def _hand_over(rows: Rows, target: ActualLRP, ordinary: ActualLRP, now: int, epoch: str) -> Outcome:
    old_copy = with_presence(rows, Presence.EVACUATING)
    if old_copy is None:
        copy = Change(None, evacuating(target.key, target.instance, target.runtime, now, epoch))
    else:
        copy = Change(old_copy, evacuating_again(old_copy, target.key, target.instance, target.runtime, now))
    if target.presence == Presence.SUSPECT:
        # Its replacement was asked for when it became suspect.
        return Outcome((copy, Change(target, None)), keep_container=True)
    return Outcome((copy, Change(ordinary, unclaimed_again(ordinary, now))), auction=True, keep_container=True)
