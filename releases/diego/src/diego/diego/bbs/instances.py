"""Requests about instances. Sources: bbs handlers/{actual_lrp,actual_lrp_lifecycle,evacuation}_handler.go."""

from __future__ import annotations

from collections.abc import Callable

from cf_wire.bbs import actual_lrp_pb2 as pb

from diego.lrp_states import (
    RUNNING,
    ActualLRP,
    Key,
    Outcome,
    Presence,
    Wanted,
    claim,
    crash,
    evacuate_claimed,
    evacuate_crashed,
    evacuate_running,
    evacuate_stopped,
    fail,
    remove,
    remove_evacuating,
    retire,
    start,
)

from .context import Context
from .messages import instance_of, key_of, lrp_message, runtime_of
from .tables import ACTUAL

LifecycleResponse = pb.ActualLRPLifecycleResponse
Decide = Callable[[list[ActualLRP]], Outcome]


def list_all(context: Context, request: pb.ActualLRPsRequest) -> pb.ActualLRPsResponse:
    """Return the rows that a filter leaves."""
    where = [
        column == value
        for column, value in (
            (ACTUAL.c.domain, request.domain),
            (ACTUAL.c.cell_id, request.cell_id),
            (ACTUAL.c.process_guid, request.process_guid),
        )
        if value
    ]
    if request.HasField("index"):
        where.append(ACTUAL.c.instance_index == request.index)
    return pb.ActualLRPsResponse(actual_lrps=map(lrp_message, context.tx.rows(*where)))


def list_by_process_guids(
    context: Context, request: pb.ActualLRPsByProcessGuidsRequest
) -> pb.ActualLRPsByProcessGuidsResponse:
    """Return the rows of some processes, or of all when none is named."""
    where = [ACTUAL.c.process_guid.in_(list(request.process_guids))] if request.process_guids else []
    return pb.ActualLRPsByProcessGuidsResponse(actual_lrps=map(lrp_message, context.tx.rows(*where)))


def claim_(context: Context, request: pb.ClaimActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """A cell reserves an index."""
    instance = instance_of(request.actual_lrp_instance_key)
    _decide(context, request.process_guid, request.index, lambda rows: claim(rows, instance, context.now))
    return LifecycleResponse()


def start_(context: Context, request: pb.StartActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """A cell says that an instance runs."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    runtime = runtime_of(request)
    _decide(
        context,
        key.process_guid,
        key.index,
        lambda rows: start(rows, key, instance, runtime, now=context.now, epoch=context.guid()),
    )
    return LifecycleResponse()


def crash_(context: Context, request: pb.CrashActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """A cell says that an instance has exited."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    _decide(
        context,
        key.process_guid,
        key.index,
        lambda rows: crash(rows, instance, request.error_message, context.now),
        crashes=True,
    )
    return LifecycleResponse()


def fail_(context: Context, request: pb.FailActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """The auctioneer found no cell."""
    key = key_of(request.actual_lrp_key)
    _decide(context, key.process_guid, key.index, lambda rows: fail(rows, request.error_message, context.now))
    return LifecycleResponse()


def remove_(context: Context, request: pb.RemoveActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """A cell has no such instance any more."""
    given = request.HasField("actual_lrp_instance_key")
    instance = instance_of(request.actual_lrp_instance_key) if given else None
    _decide(context, request.process_guid, request.index, lambda rows: remove(rows, instance))
    return LifecycleResponse()


def retire_(context: Context, request: pb.RetireActualLRPRequest) -> pb.ActualLRPLifecycleResponse:
    """An instance is no longer wanted."""
    key = key_of(request.actual_lrp_key)
    retire_index(context, key)
    return LifecycleResponse()


def retire_index(context: Context, key: Key) -> None:
    """Let an index go; raises BBSError when it has no ordinary row."""

    def decide(rows: list[ActualLRP]) -> Outcome:
        there = context.cell_ids()
        return retire(
            rows, cell_is_there=any(one.instance.cell_id in there for one in rows if one.presence == Presence.ORDINARY)
        )

    _decide(context, key.process_guid, key.index, decide)


def remove_evacuating_(
    context: Context, request: pb.RemoveEvacuatingActualLRPRequest
) -> pb.RemoveEvacuatingActualLRPResponse:
    """An evacuating cell has waited long enough."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    _decide(context, key.process_guid, key.index, lambda rows: remove_evacuating(rows, instance))
    return pb.RemoveEvacuatingActualLRPResponse()


def evacuate_claimed_(context: Context, request: pb.EvacuateClaimedActualLRPRequest) -> pb.EvacuationResponse:
    """An evacuating cell hands over what it had not begun."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    _decide(context, key.process_guid, key.index, lambda rows: evacuate_claimed(rows, instance, context.now))
    return pb.EvacuationResponse()


def evacuate_crashed_(context: Context, request: pb.EvacuateCrashedActualLRPRequest) -> pb.EvacuationResponse:
    """An evacuating cell says that an instance has exited."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    _decide(
        context,
        key.process_guid,
        key.index,
        lambda rows: evacuate_crashed(rows, instance, request.error_message, context.now),
        crashes=True,
    )
    return pb.EvacuationResponse()


def evacuate_stopped_(context: Context, request: pb.EvacuateStoppedActualLRPRequest) -> pb.EvacuationResponse:
    """An evacuating cell says that an instance was stopped."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    _decide(context, key.process_guid, key.index, lambda rows: evacuate_stopped(rows, instance))
    return pb.EvacuationResponse()


def evacuate_running_(context: Context, request: pb.EvacuateRunningActualLRPRequest) -> pb.EvacuationResponse:
    """An evacuating cell hands over what runs."""
    key, instance = key_of(request.actual_lrp_key), instance_of(request.actual_lrp_instance_key)
    runtime, wanted = runtime_of(request), _wanted(context, key.process_guid)
    outcome = _decide(
        context,
        key.process_guid,
        key.index,
        lambda rows: evacuate_running(rows, key, instance, runtime, wanted, context.now, context.guid()),
    )
    return pb.EvacuationResponse(keep_container=outcome.keep_container)


def _wanted(context: Context, process_guid: str) -> Wanted | None:
    wants = context.tx.wants(process_guid)
    if wants is None:
        return None
    instances, recreate = wants
    rows = context.tx.rows_of(process_guid) if recreate else []
    running = sum((one.state, one.presence) == (RUNNING, Presence.ORDINARY) for one in rows)
    return Wanted(instances, running, recreate)


def _decide(context: Context, process_guid: str, index: int, decide: Decide, *, crashes: bool = False) -> Outcome:
    rows = context.tx.rows_of(process_guid, index)
    outcome = decide(rows)
    ordinary = any(one.before and one.before.presence == Presence.ORDINARY for one in outcome.changes)
    domain = rows[0].key.domain if rows else ""
    context.carry_out(Key(process_guid, index, domain), outcome, crashed=crashes and ordinary)
    return outcome
