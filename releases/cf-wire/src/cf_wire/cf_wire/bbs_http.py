"""The BBS over HTTP: which message goes to which path, which comes back, and the events of its streams.

Every call is a POST of one serialized message with CONTENT_TYPE; the answer is 200 with a message whose `error` says whether it
worked. Streams are server-sent events: the name is an event type, the id a counter, the data one serialized message in base64.

Sources: bbs routes.go, client.go, handlers/events_handlers.go, events/events.go, models/events.go.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from google.protobuf.message import Message

from .bbs import actual_lrp_pb2 as actual
from .bbs import cells_pb2 as cells
from .bbs import desired_lrp_pb2 as desired
from .bbs import events_pb2 as events
from .bbs import task_pb2 as task

CONTENT_TYPE = "application/x-protobuf"
EVENT_STREAM = "text/event-stream; charset=utf-8"
TRACE_HEADER = "X-Vcap-Request-Id"

UNCLAIMED, CLAIMED, RUNNING, CRASHED = "UNCLAIMED", "CLAIMED", "RUNNING", "CRASHED"
"""The values of ActualLRP.state, which is a string on the wire."""


@dataclass(frozen=True)
class Call:
    """One path of the BBS; `request` is None where the body is empty."""

    path: str
    request: type[Message] | None
    response: type[Message]


_DESIRED = desired.DesiredLRPsRequest
_BY_GUID = desired.DesiredLRPByProcessGuidRequest
_LIFECYCLE = actual.ActualLRPLifecycleResponse
_EVACUATION = actual.EvacuationResponse
_DESIRE = desired.DesiredLRPLifecycleResponse
_TASK = task.TaskLifecycleResponse

CALLS: tuple[Call, ...] = (
    Call("/v1/ping", None, cells.PingResponse),
    Call("/v1/domains/list", None, cells.DomainsResponse),
    Call("/v1/domains/upsert", cells.UpsertDomainRequest, cells.UpsertDomainResponse),
    Call("/v1/cells/list.r1", None, cells.CellsResponse),
    Call("/v1/actual_lrps/list", actual.ActualLRPsRequest, actual.ActualLRPsResponse),
    Call(
        "/v1/actual_lrps/list_by_process_guids",
        actual.ActualLRPsByProcessGuidsRequest,
        actual.ActualLRPsByProcessGuidsResponse,
    ),
    Call("/v1/actual_lrp_groups/list", actual.ActualLRPGroupsRequest, actual.ActualLRPGroupsResponse),
    Call(
        "/v1/actual_lrp_groups/list_by_process_guid",
        actual.ActualLRPGroupsByProcessGuidRequest,
        actual.ActualLRPGroupsResponse,
    ),
    Call(
        "/v1/actual_lrp_groups/get_by_process_guid_and_index",
        actual.ActualLRPGroupByProcessGuidAndIndexRequest,
        actual.ActualLRPGroupResponse,
    ),
    Call("/v1/actual_lrps/claim", actual.ClaimActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/start.r1", actual.StartActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/start", actual.StartActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/crash", actual.CrashActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/fail", actual.FailActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/remove", actual.RemoveActualLRPRequest, _LIFECYCLE),
    Call("/v1/actual_lrps/retire", actual.RetireActualLRPRequest, _LIFECYCLE),
    Call(
        "/v1/actual_lrps/remove_evacuating",
        actual.RemoveEvacuatingActualLRPRequest,
        actual.RemoveEvacuatingActualLRPResponse,
    ),
    Call("/v1/actual_lrps/evacuate_claimed", actual.EvacuateClaimedActualLRPRequest, _EVACUATION),
    Call("/v1/actual_lrps/evacuate_crashed", actual.EvacuateCrashedActualLRPRequest, _EVACUATION),
    Call("/v1/actual_lrps/evacuate_stopped", actual.EvacuateStoppedActualLRPRequest, _EVACUATION),
    Call("/v1/actual_lrps/evacuate_running.r1", actual.EvacuateRunningActualLRPRequest, _EVACUATION),
    Call("/v1/actual_lrps/evacuate_running", actual.EvacuateRunningActualLRPRequest, _EVACUATION),
    Call("/v1/desired_lrp_scheduling_infos/list", _DESIRED, desired.DesiredLRPSchedulingInfosResponse),
    Call(
        "/v1/desired_lrp_scheduling_infos/get_by_process_guid",
        _BY_GUID,
        desired.DesiredLRPSchedulingInfoByProcessGuidResponse,
    ),
    Call("/v1/desired_lrp_routing_infos/list", _DESIRED, desired.DesiredLRPsResponse),
    Call("/v1/desired_lrps/list.r3", _DESIRED, desired.DesiredLRPsResponse),
    Call("/v1/desired_lrps/list.r2", _DESIRED, desired.DesiredLRPsResponse),
    Call("/v1/desired_lrps/get_by_process_guid.r3", _BY_GUID, desired.DesiredLRPResponse),
    Call("/v1/desired_lrps/get_by_process_guid.r2", _BY_GUID, desired.DesiredLRPResponse),
    Call("/v1/desired_lrp/desire.r2", desired.DesireLRPRequest, _DESIRE),
    Call("/v1/desired_lrp/update", desired.UpdateDesiredLRPRequest, _DESIRE),
    Call("/v1/desired_lrp/remove", desired.RemoveDesiredLRPRequest, _DESIRE),
    Call("/v1/tasks/list.r3", task.TasksRequest, task.TasksResponse),
    Call("/v1/tasks/list.r2", task.TasksRequest, task.TasksResponse),
    Call("/v1/tasks/get_by_task_guid.r3", task.TaskByGuidRequest, task.TaskResponse),
    Call("/v1/tasks/get_by_task_guid.r2", task.TaskByGuidRequest, task.TaskResponse),
    Call("/v1/tasks/desire.r2", task.DesireTaskRequest, _TASK),
    Call("/v1/tasks/start", task.StartTaskRequest, task.StartTaskResponse),
    Call("/v1/tasks/cancel", task.TaskGuidRequest, _TASK),
    Call("/v1/tasks/fail", task.FailTaskRequest, _TASK),
    Call("/v1/tasks/reject", task.RejectTaskRequest, _TASK),
    Call("/v1/tasks/complete", task.CompleteTaskRequest, _TASK),
    Call("/v1/tasks/resolving", task.TaskGuidRequest, _TASK),
    Call("/v1/tasks/delete", task.TaskGuidRequest, _TASK),
)

TASK_EVENTS = ("POST", "/v1/events/tasks.r1")
LRP_INSTANCE_EVENTS = ("POST", "/v1/events/lrp_instances.r1")
"""The body of both may be an EventsByCellId; these older names stay: the same paths without `.r1`."""
LRP_GROUP_EVENTS = ("GET", "/v1/events.r1")

EVENTS: dict[str, type[Message]] = {
    "desired_lrp_created": events.DesiredLRPCreatedEvent,
    "desired_lrp_changed": events.DesiredLRPChangedEvent,
    "desired_lrp_removed": events.DesiredLRPRemovedEvent,
    "actual_lrp_created": events.ActualLRPCreatedEvent,
    "actual_lrp_changed": events.ActualLRPChangedEvent,
    "actual_lrp_removed": events.ActualLRPRemovedEvent,
    "actual_lrp_crashed": events.ActualLRPCrashedEvent,
    "actual_lrp_instance_created": events.ActualLRPInstanceCreatedEvent,
    "actual_lrp_instance_changed": events.ActualLRPInstanceChangedEvent,
    "actual_lrp_instance_removed": events.ActualLRPInstanceRemovedEvent,
    "task_created": events.TaskCreatedEvent,
    "task_changed": events.TaskChangedEvent,
    "task_removed": events.TaskRemovedEvent,
}
_NAMES = {kind: name for name, kind in EVENTS.items()}


def event_frame(number: int, event: Message) -> bytes:
    """Return one server-sent event for `event`, a message of one of the kinds in EVENTS."""
    data = base64.b64encode(event.SerializeToString())
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, _NAMES[type(event)].encode(), data)


def read_event(name: str, data: str) -> Message:
    """Return the message in the data of one server-sent event.

    Raises:
        KeyError: no such type of event is known.
        google.protobuf.message.DecodeError: the data is no such message.
    """
    message = EVENTS[name]()
    message.ParseFromString(base64.b64decode(data))
    return message
