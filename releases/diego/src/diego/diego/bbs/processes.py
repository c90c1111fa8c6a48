"""Requests about what is wanted. Source: bbs handlers/desired_lrp_handlers.go, models/desired_lrp.go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from cf_wire.bbs import desired_lrp_pb2 as pb
from cf_wire.bbs import events_pb2

from diego.convergence import Update
from diego.errors import BBSError
from diego.lrp_states import CRASHED, RUNNING, UNCLAIMED, ActualLRP, Change, Key, Outcome, Presence, unclaimed

from .context import Context
from .messages import wanted_of

_GUID = re.compile(r"^[a-zA-Z0-9_-]+$")
ANNOTATION_MAXIMUM = 10 * 1024
ROUTES_MAXIMUM = 128 * 1024


def list_all(context: Context, request: pb.DesiredLRPsRequest) -> pb.DesiredLRPsResponse:
    """Return processes, whole."""
    found = context.tx.desired_messages("message", request)
    return pb.DesiredLRPsResponse(desired_lrps=map(pb.DesiredLRP.FromString, found))


def list_routing_infos(context: Context, request: pb.DesiredLRPsRequest) -> pb.DesiredLRPsResponse:
    """Return what is needed to route to processes."""
    found = context.tx.desired_messages("routing", request)
    return pb.DesiredLRPsResponse(desired_lrps=map(pb.DesiredLRP.FromString, found))


def list_scheduling_infos(context: Context, request: pb.DesiredLRPsRequest) -> pb.DesiredLRPSchedulingInfosResponse:
    """Return what is needed to place processes."""
    found = context.tx.desired_messages("scheduling", request)
    infos = map(pb.DesiredLRPSchedulingInfo.FromString, found)
    return pb.DesiredLRPSchedulingInfosResponse(desired_lrp_scheduling_infos=infos)


def get(context: Context, request: pb.DesiredLRPByProcessGuidRequest) -> pb.DesiredLRPResponse:
    """Return one process, whole."""
    data = context.tx.desired_part("message", request.process_guid)
    return pb.DesiredLRPResponse(desired_lrp=pb.DesiredLRP.FromString(data))


def get_scheduling_info(
    context: Context, request: pb.DesiredLRPByProcessGuidRequest
) -> pb.DesiredLRPSchedulingInfoByProcessGuidResponse:
    """Return what is needed to place one process."""
    data = context.tx.desired_part("scheduling", request.process_guid)
    info = pb.DesiredLRPSchedulingInfo.FromString(data)
    return pb.DesiredLRPSchedulingInfoByProcessGuidResponse(desired_lrp_scheduling_info=info)


def desire(context: Context, request: pb.DesireLRPRequest) -> pb.DesiredLRPLifecycleResponse:
    """Want a process, and seek cells for its instances."""
    lrp = pb.DesiredLRP()
    lrp.CopyFrom(request.desired_lrp)
    _expect_valid(_faults(lrp))
    lrp.modification_tag.epoch, lrp.modification_tag.index = context.guid(), 0
    context.tx.add_desired(lrp)
    context.effects.lrp_events.append(events_pb2.DesiredLRPCreatedEvent(desired_lrp=lrp, trace_id=context.trace))
    _begin(context, lrp, 0)
    return pb.DesiredLRPLifecycleResponse()


def update(context: Context, request: pb.UpdateDesiredLRPRequest) -> pb.DesiredLRPLifecycleResponse:
    """Change what can change while a process runs."""
    _expect_valid(_update_faults(request.update))
    before = context.tx.desired(request.process_guid)
    after = _updated(before, request.update)
    context.tx.put_desired(after)
    context.effects.lrp_events.append(
        events_pb2.DesiredLRPChangedEvent(before=before, after=after, trace_id=context.trace)
    )
    if after.instances > before.instances:
        _begin(context, after, before.instances)
    elif after.instances < before.instances:
        _end(context, after.process_guid, after.instances)
    _tell_cells(context, before, after)
    return pb.DesiredLRPLifecycleResponse()


def remove(context: Context, request: pb.RemoveDesiredLRPRequest) -> pb.DesiredLRPLifecycleResponse:
    """Want a process no more, and stop its instances."""
    lrp = context.tx.desired(request.process_guid)
    context.tx.remove_desired(request.process_guid)
    context.effects.lrp_events.append(events_pb2.DesiredLRPRemovedEvent(desired_lrp=lrp, trace_id=context.trace))
    _end(context, request.process_guid, 0)
    return pb.DesiredLRPLifecycleResponse()


def _begin(context: Context, lrp: pb.DesiredLRP, first: int) -> None:
    there = {one.key.index for one in context.tx.rows_of(lrp.process_guid) if one.presence == Presence.ORDINARY}
    indices = [index for index in range(first, lrp.instances) if index not in there]
    for index in indices:
        row = unclaimed(Key(lrp.process_guid, index, lrp.domain), context.now, context.guid())
        context.carry_out(row.key, Outcome((Change(None, row),)))
    context.auction(lrp.process_guid, indices)


def _end(context: Context, process_guid: str, first: int) -> None:
    """Stop instances from an index on; what evacuates is let go by its own cell."""
    there = context.cell_ids()
    for row in context.tx.rows_of(process_guid):
        if row.key.index < first or row.presence == Presence.EVACUATING:
            continue
        if row.state in {UNCLAIMED, CRASHED}:
            context.carry_out(row.key, Outcome((Change(row, None),)))
        elif row.instance.cell_id in there:
            context.carry_out(row.key, Outcome(stop=row.instance))


def _updated(before: pb.DesiredLRP, change: pb.DesiredLRPUpdate) -> pb.DesiredLRP:
    after = pb.DesiredLRP()
    after.CopyFrom(before)
    for name in ("instances", "annotation", "image_username", "image_password"):
        if change.HasField(name):
            setattr(after, name, getattr(change, name))
    if change.HasField("routes"):
        after.routes.CopyFrom(change.routes)
    if change.metric_tags:
        after.ClearField("metric_tags")
        for name, tag in change.metric_tags.items():
            after.metric_tags[name].CopyFrom(tag)
    after.modification_tag.index += 1
    return after


def _tell_cells(context: Context, before: pb.DesiredLRP, after: pb.DesiredLRP) -> None:
    was, wanted = wanted_of(before), wanted_of(after)
    routes = wanted.internal_routes if was.internal_routes != wanted.internal_routes else None
    retag = was.metric_tags != wanted.metric_tags
    if routes is None and not retag:
        return
    for row in _running(context, after.process_guid):
        tags = {name: tag.value(row.key, row.instance) for name, tag in wanted.metric_tags.items()} if retag else None
        context.effects.updates.append((row.key, Update(row.instance, routes, tags)))


def _running(context: Context, process_guid: str) -> Iterator[ActualLRP]:
    rows = context.tx.rows_of(process_guid)
    return (one for one in rows if (one.state, one.presence) == (RUNNING, Presence.ORDINARY))


def _expect_valid(faults: Iterator[str]) -> None:
    said = [f"Invalid field: {name}" for name in faults]
    if said:
        raise BBSError(4, ", ".join(said))


def _faults(lrp: pb.DesiredLRP) -> Iterator[str]:
    checks = {
        "domain": bool(lrp.domain),
        "process_guid": bool(_GUID.match(lrp.process_guid)),
        "rootfs": _has_scheme(lrp.root_fs),
        "instances": lrp.instances >= 0,
        "memory_mb": lrp.memory_mb >= 0,
        "disk_mb": lrp.disk_mb >= 0,
        "log_rate_limit_bytes_per_second": lrp.log_rate_limit.bytes_per_second >= -1,
        "annotation": len(lrp.annotation) <= ANNOTATION_MAXIMUM,
        "max_pids": lrp.max_pids >= 0,
        "routes": sum(map(len, lrp.routes.routes.values())) <= ROUTES_MAXIMUM,
        "action": lrp.HasField("action") and bool(lrp.action.ListFields()),
        "image_password": bool(lrp.image_password) or not lrp.image_username,
        "image_username": bool(lrp.image_username) or not lrp.image_password,
    }
    return (name for name, holds in checks.items() if not holds)


def _update_faults(change: pb.DesiredLRPUpdate) -> Iterator[str]:
    checks = {
        "instances": change.instances >= 0,
        "annotation": len(change.annotation) <= ANNOTATION_MAXIMUM,
        "routes": sum(map(len, change.routes.routes.values())) <= ROUTES_MAXIMUM,
        "image_password": change.HasField("image_password") or not change.HasField("image_username"),
        "image_username": change.HasField("image_username") or not change.HasField("image_password"),
    }
    return (name for name, holds in checks.items() if not holds)


def _has_scheme(rootfs: str) -> bool:
    try:
        return bool(urlsplit(rootfs).scheme)
    except ValueError:
        return False
