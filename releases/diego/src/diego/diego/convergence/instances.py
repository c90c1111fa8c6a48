"""Convergence of instances. Sources: bbs db/sqldb/{lrp_convergence,queries}.go, controllers/lrp_convergence_controller.go.

Where the original would do several things to one index at once and leave the order to chance, here one rule wins: what is not wanted goes;
a suspect goes once its replacement runs on a cell that is there, else it is kept when its cell is back. Missing indices are found even where as many others are
extra. What lies beyond the wanted number is not started again while its domain is stale.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from diego.lrp_states import (
    CLAIMED,
    CRASHED,
    RUNNING,
    UNCLAIMED,
    ActualLRP,
    Change,
    Key,
    Outcome,
    Presence,
    promoted,
    retire,
    should_restart,
    suspected,
    unclaimed,
    unclaimed_again,
)

from .model import STALE_UNCLAIMED_AFTER, DesiredLRP, Reason, Snapshot, Step, Update

Rows = dict[Presence, ActualLRP]
"""One index's rows by presence."""


def converge(snapshot: Snapshot, epoch: Callable[[], str]) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the steps, by index, and the domains that have lapsed and are to be forgotten.

    Args:
        snapshot: everything at one moment.
        epoch: makes a new unique text for each row that is created.
    """
    lapsed = tuple(sorted(name for name, until in snapshot.domains.items() if until <= snapshot.now))
    look = _Look(snapshot, frozenset(snapshot.domains) - frozenset(lapsed), epoch)
    steps = [step for key, rows in look.indices() for step in look.at(key, rows)]
    return tuple(steps), lapsed


class _Look:
    """One snapshot, index by index."""

    def __init__(self, snapshot: Snapshot, fresh: frozenset[str], epoch: Callable[[], str]) -> None:
        self._desired = {one.process_guid: one for one in snapshot.desired}
        self._actual = snapshot.actual
        self._cells = frozenset(snapshot.cells)
        self._fresh = fresh
        self._now = snapshot.now
        self._epoch = epoch

    def indices(self) -> Iterator[tuple[Key, Rows]]:
        """Return every index that is wanted or there, in order."""
        found: dict[Key, Rows] = defaultdict(dict)
        for row in self._actual:
            found[row.key][row.presence] = row
        for wanted in self._desired.values():
            for index in range(wanted.instances):
                # Looking makes an empty entry: wanted, and not there.
                found[Key(wanted.process_guid, index, wanted.domain)]
        return iter(sorted(found.items(), key=lambda item: item[0]))

    def at(self, key: Key, rows: Rows) -> Iterator[Step]:
        """Return the steps for one index."""
        evacuating = rows.get(Presence.EVACUATING)
        if evacuating is not None and evacuating.instance.cell_id not in self._cells:
            yield _removing(evacuating, Reason.STRANDED_EVACUATING)
        desired = self._desired.get(key.process_guid)
        if desired is None:
            yield from self._orphans(rows)
        elif key.index >= desired.instances:
            yield from self._extra(rows)
        else:
            yield from self._wanted(key, rows, desired)

    def _orphans(self, rows: Rows) -> Iterator[Step]:
        """What nobody wants goes, if whoever could want it has lately said all it wants."""
        ordinary, suspect = rows.get(Presence.ORDINARY), rows.get(Presence.SUSPECT)
        if ordinary is not None and ordinary.key.domain in self._fresh:
            yield self._retiring(ordinary, Reason.ORPHANED)
        if suspect is not None and suspect.key.domain in self._fresh:
            yield _removing(suspect, Reason.ORPHANED_SUSPECT)

    def _extra(self, rows: Rows) -> Iterator[Step]:
        ordinary, suspect = rows.get(Presence.ORDINARY), rows.get(Presence.SUSPECT)
        if ordinary is not None and ordinary.key.domain in self._fresh:
            yield self._retiring(ordinary, Reason.EXTRA)
        if suspect is not None and suspect.key.domain in self._fresh:
            yield _removing(suspect, Reason.ORPHANED_SUSPECT)

    def _wanted(self, key: Key, rows: Rows, desired: DesiredLRP) -> Iterator[Step]:
        ordinary, suspect = rows.get(Presence.ORDINARY), rows.get(Presence.SUSPECT)
        if suspect is not None:
            decided = self._suspect(suspect, ordinary)
            if decided is not None:
                yield decided
                return
        if ordinary is None:
            yield self._creating(key, Reason.MISSING)
        elif ordinary.state == UNCLAIMED:
            if ordinary.since < self._now - STALE_UNCLAIMED_AFTER:
                yield Step(key, Reason.STALE, Outcome(auction=True))
        elif ordinary.state == CRASHED:
            if should_restart(self._now, ordinary.since, ordinary.crash_count):
                yield self._unclaiming(ordinary, Reason.CRASHED)
        elif ordinary.instance.cell_id not in self._cells:
            yield self._missing_cell(ordinary, suspect)
        elif ordinary.state == RUNNING:
            yield from _drift(ordinary, desired)

    def _suspect(self, suspect: ActualLRP, ordinary: ActualLRP | None) -> Step | None:
        if ordinary is not None and ordinary.state == RUNNING and ordinary.instance.cell_id in self._cells:
            return _removing(suspect, Reason.REPLACED_SUSPECT)
        if suspect.instance.cell_id not in self._cells:
            return None
        changes: tuple[Change, ...] = (Change(suspect, promoted(suspect)),)
        if ordinary is not None:
            changes = (Change(ordinary, None), *changes)
        return Step(suspect.key, Reason.RETURNED_CELL, Outcome(changes))

    def _missing_cell(self, ordinary: ActualLRP, suspect: ActualLRP | None) -> Step:
        if suspect is not None:
            # The replacement's cell is gone as well: the first instance stays suspect, another replacement is sought.
            return self._unclaiming(ordinary, Reason.MISSING_CELL_AGAIN)
        replacement = unclaimed(ordinary.key, self._now, self._epoch())
        changes = (Change(ordinary, suspected(ordinary)), Change(None, replacement))
        return Step(ordinary.key, Reason.MISSING_CELL, Outcome(changes, auction=True))

    def _creating(self, key: Key, reason: Reason) -> Step:
        made = unclaimed(key, self._now, self._epoch())
        return Step(key, reason, Outcome((Change(None, made),), auction=True))

    def _unclaiming(self, row: ActualLRP, reason: Reason) -> Step:
        return Step(row.key, reason, Outcome((Change(row, unclaimed_again(row, self._now)),), auction=True))

    def _retiring(self, row: ActualLRP, reason: Reason) -> Step:
        there = row.state in {CLAIMED, RUNNING} and row.instance.cell_id in self._cells
        return Step(row.key, reason, retire((row,), cell_is_there=there))


def _removing(row: ActualLRP, reason: Reason) -> Step:
    return Step(row.key, reason, Outcome((Change(row, None),)))


def _drift(row: ActualLRP, desired: DesiredLRP) -> Iterator[Step]:
    """Tell the cell what changed since the instance started."""
    if sorted(row.runtime.internal_routes) != sorted(desired.internal_routes):
        yield Step(row.key, Reason.ROUTES, update=Update(row.instance, internal_routes=desired.internal_routes))
    tags = {name: tag.value(row.key, row.instance) for name, tag in desired.metric_tags.items()}
    if dict(row.runtime.metric_tags) != tags:
        yield Step(row.key, Reason.TAGS, update=Update(row.instance, metric_tags=tags))


def keys_to_auction(steps: Iterable[Step]) -> Sequence[Key]:
    """Return the indices for which a cell is to be found."""
    return [step.key for step in steps if step.outcome.auction]
