"""What one row turns into. Sources: bbs db/sqldb/{actual_lrp_db,evacuation_db,suspect_db}.go, models/actual_lrp.go."""

from __future__ import annotations

from dataclasses import replace

from diego.errors import cannot_be_claimed, cannot_be_crashed, cannot_be_failed, cannot_be_started, cannot_be_unclaimed
from diego.texts import shortened

from .crashes import backoff, count_after_crash
from .model import (
    CLAIMED,
    CRASHED,
    NOBODY,
    NOWHERE,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    InstanceKey,
    Key,
    Presence,
    Runtime,
)


def allows(row: ActualLRP, key: Key, instance: InstanceKey, state: str) -> bool:
    """Whether `row` may enter `state` as `instance` of `key`."""
    if row.key != key:
        return False
    same = row.instance == instance
    nobody = instance == NOBODY
    allowed = {
        UNCLAIMED: {UNCLAIMED: True, CLAIMED: True, RUNNING: True, CRASHED: False},
        CLAIMED: {UNCLAIMED: nobody, CLAIMED: same, RUNNING: True, CRASHED: same},
        RUNNING: {UNCLAIMED: nobody, CLAIMED: same, RUNNING: same, CRASHED: same},
        CRASHED: {UNCLAIMED: nobody, CLAIMED: same, RUNNING: same, CRASHED: False},
    }
    return allowed[row.state][state]


def unclaimed(key: Key, now: int, epoch: str) -> ActualLRP:
    """Return a new row that waits for a cell."""
    return ActualLRP(key, UNCLAIMED, now, epoch=epoch)


def running(key: Key, instance: InstanceKey, runtime: Runtime, now: int, epoch: str) -> ActualLRP:
    """Return a new row for an instance that runs already."""
    return ActualLRP(key, RUNNING, now, instance, runtime=runtime, epoch=epoch)


def claimed(row: ActualLRP, instance: InstanceKey, now: int) -> ActualLRP:
    """Return the row once a cell has reserved it, the same row if it had; raises when another cell has it."""
    if not allows(row, row.key, instance, CLAIMED):
        raise cannot_be_claimed()
    if row.state == CLAIMED:
        return row
    return _changed(row, state=CLAIMED, since=now, instance=instance, placement_error="", runtime=_nowhere(row.runtime))


def started(row: ActualLRP, key: Key, instance: InstanceKey, runtime: Runtime, now: int) -> ActualLRP:
    """Return the row once it runs, the same row if it ran like this; raises when it may not run there."""
    if (row.state, row.key, row.instance, row.runtime) == (RUNNING, key, instance, runtime):
        return row
    if not allows(row, key, instance, RUNNING):
        raise cannot_be_started()
    return _changed(row, state=RUNNING, since=now, instance=instance, placement_error="", runtime=runtime)


def crashed(row: ActualLRP, instance: InstanceKey, reason: str, now: int) -> ActualLRP:
    """Return the row after a crash: waiting for a cell again at once, or CRASHED; raises when that instance does not run."""
    if not allows(row, row.key, instance, CRASHED):
        raise cannot_be_crashed()
    count = count_after_crash(row, now)
    return _changed(
        row,
        state=UNCLAIMED if backoff(count) == 0 else CRASHED,
        since=now,
        instance=NOBODY,
        runtime=_nowhere(row.runtime),
        crash_count=count,
        crash_reason=shortened(reason),
    )


def failed(row: ActualLRP, reason: str, now: int) -> ActualLRP:
    """Return the row after no cell was found for it; raises when it has one."""
    if row.state != UNCLAIMED:
        raise cannot_be_failed()
    return _changed(row, since=now, placement_error=shortened(reason))


def unclaimed_again(row: ActualLRP, now: int, *, only_if_down: bool = False) -> ActualLRP:
    """Return the row once it waits for a cell again.

    Raises:
        LRPError: it waits already, or with `only_if_down` a cell has claimed it in the meantime.
    """
    if row.state == UNCLAIMED or (only_if_down and row.state == CLAIMED):
        raise cannot_be_unclaimed()
    return _changed(row, state=UNCLAIMED, since=now, instance=NOBODY, runtime=_nowhere(row.runtime))


def evacuating(key: Key, instance: InstanceKey, runtime: Runtime, now: int, epoch: str) -> ActualLRP:
    """Return a new row for an instance that is to be replaced elsewhere."""
    return ActualLRP(key, RUNNING, now, instance, Presence.EVACUATING, runtime, epoch=epoch)


def evacuating_again(row: ActualLRP, key: Key, instance: InstanceKey, runtime: Runtime, now: int) -> ActualLRP:
    """Return an evacuating row with what is now known of it; whether it is routable stays as it was."""
    return _changed(row, key=key, instance=instance, since=now, runtime=replace(runtime, routable=row.runtime.routable))


def suspected(row: ActualLRP) -> ActualLRP:
    """Return the row once its cell is missing. The modification tag stays, as in the original."""
    return replace(row, presence=Presence.SUSPECT)


def promoted(row: ActualLRP) -> ActualLRP:
    """Return the row of a suspect instance whose cell is back."""
    return replace(row, presence=Presence.ORDINARY)


def _nowhere(runtime: Runtime) -> Runtime:
    """Return what stays in the row when no container is there: all but the addresses."""
    return replace(runtime, net_info=NOWHERE)


def _changed(row: ActualLRP, **fields: object) -> ActualLRP:
    return replace(row, tag=row.tag + 1, **fields)  # type: ignore[arg-type]
