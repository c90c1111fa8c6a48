"""Rows as messages and messages as rows. Sources: bbs models/{actual_lrp,desired_lrp,task}.go."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cf_wire.bbs import actual_lrp_pb2 as actual_pb
from cf_wire.bbs import desired_lrp_pb2 as desired_pb
from cf_wire.bbs import events_pb2, task_pb2
from cf_wire.rep import LRPStartRequest, PlacementConstraint, Resource
from cf_wire.rep import Task as RepTask

from diego.convergence import DesiredLRP, Tag
from diego.lrp_states import ActualLRP, InstanceKey, Key, NetInfo, PortMapping, Runtime
from diego.task_states import Task

INTERNAL_ROUTER = "internal-router"
"""The key of the routes that lead to the names under the internal domain."""


def key_of(message: actual_pb.ActualLRPKey) -> Key:
    """Read which index is meant."""
    return Key(message.process_guid, message.index, message.domain)


def instance_of(message: actual_pb.ActualLRPInstanceKey) -> InstanceKey:
    """Read which container is meant."""
    return InstanceKey(message.instance_guid, message.cell_id)


def net_info_of(message: actual_pb.ActualLRPNetInfo) -> NetInfo:
    """Read where an instance is reached."""
    ports = tuple(
        PortMapping(one.container_port, one.host_port, one.container_tls_proxy_port, one.host_tls_proxy_port)
        for one in message.ports
    )
    return NetInfo(
        message.address, ports, message.instance_address, message.preferred_address, message.instance_ipv6_address
    )


def runtime_of(
    message: actual_pb.ActualLRP | actual_pb.StartActualLRPRequest | actual_pb.EvacuateRunningActualLRPRequest,
) -> Runtime:
    """Read what a cell tells of a running container; a cell too old to say so has only routable ones."""
    if isinstance(message, actual_pb.ActualLRP):
        routable = message.routable
    else:
        routable = message.Routable if message.HasField("Routable") else True
    return Runtime(
        net_info_of(message.actual_lrp_net_info),
        tuple(one.hostname for one in message.actual_lrp_internal_routes),
        dict(message.metric_tags),
        routable,
        message.availability_zone,
    )


def net_info_message(info: NetInfo) -> actual_pb.ActualLRPNetInfo:
    """Write where an instance is reached."""
    ports = [
        actual_pb.PortMapping(
            container_port=one.container_port,
            host_port=one.host_port,
            container_tls_proxy_port=one.container_tls_proxy_port,
            host_tls_proxy_port=one.host_tls_proxy_port,
        )
        for one in info.ports
    ]
    return actual_pb.ActualLRPNetInfo(
        address=info.address,
        ports=ports,
        instance_address=info.instance_address,
        preferred_address=info.preferred_address,  # type: ignore[arg-type]
        instance_ipv6_address=info.instance_ipv6_address,
    )


def key_message(key: Key) -> actual_pb.ActualLRPKey:
    """Write which index is meant."""
    return actual_pb.ActualLRPKey(process_guid=key.process_guid, index=key.index, domain=key.domain)


def instance_message(instance: InstanceKey) -> actual_pb.ActualLRPInstanceKey:
    """Write which container is meant; as in the original it is there even when it is nobody."""
    return actual_pb.ActualLRPInstanceKey(instance_guid=instance.instance_guid, cell_id=instance.cell_id)


def lrp_message(row: ActualLRP) -> actual_pb.ActualLRP:
    """Write a row."""
    return actual_pb.ActualLRP(
        actual_lrp_key=key_message(row.key),
        actual_lrp_instance_key=instance_message(row.instance),
        actual_lrp_net_info=net_info_message(row.runtime.net_info),
        crash_count=row.crash_count,
        crash_reason=row.crash_reason,
        state=row.state,
        placement_error=row.placement_error,
        since=row.since,
        modification_tag={"epoch": row.epoch, "index": row.tag},
        presence=int(row.presence),  # type: ignore[arg-type]
        actual_lrp_internal_routes=[{"hostname": name} for name in row.runtime.internal_routes],
        metric_tags=row.runtime.metric_tags,
        routable=row.runtime.routable,
        availability_zone=row.runtime.availability_zone,
    )


def info_message(row: ActualLRP) -> events_pb2.ActualLRPInfo:
    """Write what a changed event tells of a row."""
    return events_pb2.ActualLRPInfo(
        actual_lrp_net_info=net_info_message(row.runtime.net_info),
        crash_count=row.crash_count,
        crash_reason=row.crash_reason,
        state=row.state,
        placement_error=row.placement_error,
        since=row.since,
        modification_tag={"epoch": row.epoch, "index": row.tag},
        presence=int(row.presence),  # type: ignore[arg-type]
        Routable=row.runtime.routable,
        availability_zone=row.runtime.availability_zone,
    )


def scheduling_info(lrp: desired_pb.DesiredLRP) -> desired_pb.DesiredLRPSchedulingInfo:
    """Return what is needed to place a process."""
    return desired_pb.DesiredLRPSchedulingInfo(
        desired_lrp_key={"process_guid": lrp.process_guid, "domain": lrp.domain, "log_guid": lrp.log_guid},
        annotation=lrp.annotation,
        instances=lrp.instances,
        desired_lrp_resource={
            "memory_mb": lrp.memory_mb,
            "disk_mb": lrp.disk_mb,
            "root_fs": lrp.root_fs,
            "max_pids": lrp.max_pids,
        },
        routes=lrp.routes,
        modification_tag=lrp.modification_tag,
        volume_placement={"driver_names": [one.driver for one in lrp.volume_mounts]},
        PlacementTags=lrp.PlacementTags,
    )


def routing_info(lrp: desired_pb.DesiredLRP) -> desired_pb.DesiredLRP:
    """Return what is needed to route to a process."""
    return desired_pb.DesiredLRP(
        process_guid=lrp.process_guid,
        domain=lrp.domain,
        log_guid=lrp.log_guid,
        instances=lrp.instances,
        routes=lrp.routes,
        modification_tag=lrp.modification_tag,
        metric_tags=lrp.metric_tags,
    )


def internal_routes_of(routes: desired_pb.ProtoRoutes) -> tuple[str, ...]:
    """Return the internal hostnames among routes; what is no list of them counts as none, as nothing can route to it."""
    data = routes.routes.get(INTERNAL_ROUTER)
    if not data:
        return ()
    try:
        return tuple(one["hostname"] for one in json.loads(data) or ())
    except (ValueError, TypeError, KeyError):
        return ()


def wanted_of(lrp: desired_pb.DesiredLRP) -> DesiredLRP:
    """Return as much of a process (or its routing info) as convergence needs."""
    tags = {name: Tag(tag.static, tag.dynamic) for name, tag in lrp.metric_tags.items()}
    return DesiredLRP(lrp.process_guid, lrp.domain, lrp.instances, internal_routes_of(lrp.routes), tags)


def start_request(info: desired_pb.DesiredLRPSchedulingInfo, indices: Iterable[int]) -> LRPStartRequest:
    """Return what to ask of the auctioneer."""
    needs = info.desired_lrp_resource
    return LRPStartRequest(
        info.desired_lrp_key.process_guid,
        info.desired_lrp_key.domain,
        tuple(indices),
        PlacementConstraint(needs.root_fs, tuple(info.PlacementTags), tuple(info.volume_placement.driver_names)),
        Resource(needs.memory_mb, needs.disk_mb, needs.max_pids),
    )


def task_start_request(guid: str, domain: str, definition: task_pb2.TaskDefinition) -> RepTask:
    """Return what to ask of the auctioneer."""
    drivers = tuple(one.driver for one in definition.volume_mounts)
    return RepTask(
        guid,
        domain,
        PlacementConstraint(definition.root_fs, tuple(definition.placement_tags), drivers),
        Resource(definition.memory_mb, definition.disk_mb, definition.max_pids),
    )


def task_message(task: Task, definition: task_pb2.TaskDefinition) -> task_pb2.Task:
    """Write a row."""
    return task_pb2.Task(
        task_definition=definition,
        task_guid=task.guid,
        domain=task.domain,
        created_at=task.created_at,
        updated_at=task.updated_at,
        first_completed_at=task.first_completed_at,
        state=int(task.state),  # type: ignore[arg-type]
        cell_id=task.cell_id,
        result=task.result,
        failed=task.failed,
        failure_reason=task.failure_reason,
        rejection_count=task.rejection_count,
        rejection_reason=task.rejection_reason,
    )
