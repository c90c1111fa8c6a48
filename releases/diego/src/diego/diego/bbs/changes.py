"""Which events tell of a change? Source: bbs events/calculator/actual_lrp_event_calculator.go.

An instance is known by its container. While that stays, a change of state or presence is a changed event; a place that finds its container,
or fails to, has changed as well; and one that loses its container is created anew while the old one is removed. Events that gain a route
come before those that lose one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cf_wire.bbs import events_pb2 as events
from google.protobuf.message import Message

from diego.lrp_states import NOBODY, RUNNING, UNCLAIMED, ActualLRP, Change

from .messages import info_message, instance_message, key_message, lrp_message

Pair = tuple[ActualLRP | None, ActualLRP | None]


def instance_events(changes: Sequence[Change], trace: str = "", *, crashed: bool = False) -> list[Message]:
    """Return the events of one transaction's changes to one index.

    Args:
        changes: rows before and after.
        trace: the id of the request that caused them.
        crashed: whether a container has exited.
    """
    found = [one for before, after in _paired(changes) for one in _events(before, after, trace, crashed=crashed)]
    return [event for _, event in sorted(found, key=lambda scored: -scored[0])]


def _paired(changes: Sequence[Change]) -> Iterator[Pair]:
    """Pair what was and what is by container; what is left over by row."""
    gone = {one.before.instance: one.before for one in changes if one.before and one.before.instance != NOBODY}
    moved = {
        one.after.instance: (gone[one.after.instance], one.after)
        for one in changes
        if one.after and one.after.instance in gone
    }
    yield from moved.values()
    for change in changes:
        before = None if change.before and change.before.instance in moved else change.before
        after = None if change.after and change.after.instance in moved else change.after
        if before or after:
            yield before, after


def _events(
    before: ActualLRP | None, after: ActualLRP | None, trace: str, *, crashed: bool
) -> Iterator[tuple[int, Message]]:
    if before is not None and crashed:
        yield 2, _crashed(before, after)
    gains = 1 if after is not None and after.state == RUNNING else 0
    if after is None:
        assert before is not None
        yield 0, events.ActualLRPInstanceRemovedEvent(actual_lrp=lrp_message(before), trace_id=trace)
    elif before is None:
        yield gains, events.ActualLRPInstanceCreatedEvent(actual_lrp=lrp_message(after), trace_id=trace)
    elif after.state == UNCLAIMED and before.state != UNCLAIMED:
        yield gains, events.ActualLRPInstanceCreatedEvent(actual_lrp=lrp_message(after), trace_id=trace)
        yield 0, events.ActualLRPInstanceRemovedEvent(actual_lrp=lrp_message(before), trace_id=trace)
    else:
        yield gains, _changed(before, after, trace)


def _changed(before: ActualLRP, after: ActualLRP, trace: str) -> Message:
    # A container that is gone is still named, so that readers know whose route to drop.
    instance = before.instance if after.instance == NOBODY else after.instance
    return events.ActualLRPInstanceChangedEvent(
        actual_lrp_key=key_message(after.key),
        actual_lrp_instance_key=instance_message(instance),
        before=info_message(before),
        after=info_message(after),
        trace_id=trace,
    )


def _crashed(before: ActualLRP, after: ActualLRP | None) -> Message:
    now = after or before
    return events.ActualLRPCrashedEvent(
        actual_lrp_key=key_message(before.key),
        actual_lrp_instance_key=instance_message(before.instance),
        crash_count=now.crash_count,
        crash_reason=now.crash_reason,
        since=now.since,
    )
