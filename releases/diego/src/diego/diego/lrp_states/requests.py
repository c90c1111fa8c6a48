"""What cells and the auctioneer ask of one index. Source: bbs controllers/actual_lrp_lifecycle_controller.go.

Each function takes all rows of one index of one process and returns what to do, or raises LRPError with the original's code.
"""

from __future__ import annotations

from collections.abc import Sequence

from diego.errors import not_found

from .model import (
    CLAIMED,
    NOTHING,
    RUNNING,
    UNCLAIMED,
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
from .rows import claimed, crashed, failed, running, started

Rows = Sequence[ActualLRP]


def claim(rows: Rows, instance: InstanceKey, now: int) -> Outcome:
    """A cell reserves the index for a container it is about to create."""
    if _is_suspect(rows, instance):
        return NOTHING
    row = _ordinary(rows)
    return changing(row, claimed(row, instance, now))


def start(rows: Rows, key: Key, instance: InstanceKey, runtime: Runtime, *, now: int, epoch: str) -> Outcome:
    """A cell says that its container runs. Whoever stood in for it goes; a row that is missing is made, with this `epoch`."""
    if _is_suspect(rows, instance):
        return NOTHING
    row = with_presence(rows, Presence.ORDINARY)
    if row is None:
        changes = [Change(None, running(key, instance, runtime, now, epoch))]
    else:
        changes = list(changing(row, started(row, key, instance, runtime, now)).changes)
    changes += [Change(other, None) for other in rows if other.presence != Presence.ORDINARY]
    return Outcome(tuple(changes))


def crash(rows: Rows, instance: InstanceKey, reason: str, now: int) -> Outcome:
    """A cell says that its container has exited. A suspect one is forgotten: its replacement is already on the way."""
    suspect = of_instance(rows, instance)
    if suspect is not None and suspect.presence == Presence.SUSPECT:
        return Outcome((Change(suspect, None),))
    row = _ordinary(rows)
    after = crashed(row, instance, reason, now)
    return Outcome((Change(row, after),), auction=after.state == UNCLAIMED)


def fail(rows: Rows, reason: str, now: int) -> Outcome:
    """The auctioneer found no cell. Nobody minds when the index is gone by now."""
    row = with_presence(rows, Presence.ORDINARY)
    return NOTHING if row is None else changing(row, failed(row, reason, now))


def remove(rows: Rows, instance: InstanceKey | None) -> Outcome:
    """A cell has no such container any more; with an instance, only that very one is removed."""
    row = _ordinary(rows)
    if instance is not None and row.instance != instance:
        raise not_found()
    return Outcome((Change(row, None),))


def retire(rows: Rows, *, cell_is_there: bool) -> Outcome:
    """The index is no longer wanted: its cell shall stop it, and where there is no cell the row goes at once."""
    row = _ordinary(rows)
    if row.state in {CLAIMED, RUNNING} and cell_is_there:
        return Outcome(stop=row.instance)
    return Outcome((Change(row, None),))


def changing(before: ActualLRP, after: ActualLRP) -> Outcome:
    """Return the outcome of one row's change, or of none."""
    return NOTHING if after is before else Outcome((Change(before, after),))


def _ordinary(rows: Rows) -> ActualLRP:
    row = with_presence(rows, Presence.ORDINARY)
    if row is None:
        raise not_found()
    return row


def _is_suspect(rows: Rows, instance: InstanceKey) -> bool:
    """Whether a cell of which nothing was heard speaks up: convergence decides what becomes of its instance."""
    row = of_instance(rows, instance)
    return row is not None and row.presence == Presence.SUSPECT
