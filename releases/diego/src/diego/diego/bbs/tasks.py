"""Requests about tasks. Sources: bbs handlers/task_handlers.go, controllers/task_controller.go."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from cf_wire.bbs import events_pb2
from cf_wire.bbs import task_pb2 as pb
from cf_wire.presence import TaskCallback

from diego.errors import BBSError
from diego.task_states import (
    Task,
    TaskOutcome,
    cancel,
    complete,
    delete,
    fail,
    reject,
    resolving,
    start,
)

from .context import Context
from .messages import task_message, task_start_request

_GUID = re.compile(r"^[a-zA-Z0-9_-]+$")
ANNOTATION_MAXIMUM = 10 * 1024


def list_all(context: Context, request: pb.TasksRequest) -> pb.TasksResponse:
    """Return all tasks, or those of a domain or cell."""
    found = context.tx.tasks(request.domain, request.cell_id)
    return pb.TasksResponse(tasks=[task_message(task, definition) for task, definition in found])


def get(context: Context, request: pb.TaskByGuidRequest) -> pb.TaskResponse:
    """Return one task."""
    return pb.TaskResponse(task=task_message(*context.tx.task(request.task_guid)))


def desire(context: Context, request: pb.DesireTaskRequest) -> pb.TaskLifecycleResponse:
    """Want a task, and seek a cell for it."""
    _expect_valid(request)
    task = Task(request.task_guid, request.domain, created_at=context.now, updated_at=context.now)
    definition = request.task_definition
    context.tx.add_task(task, definition)
    context.effects.task_events.append(events_pb2.TaskCreatedEvent(task=task_message(task, definition)))
    context.effects.task_auctions.append(task_start_request(task.guid, task.domain, definition))
    return pb.TaskLifecycleResponse()


def start_(context: Context, request: pb.StartTaskRequest) -> pb.StartTaskResponse:
    """A cell asks whether to begin."""
    outcome = _decide(context, request.task_guid, lambda task: start(task, request.cell_id, context.now))
    return pb.StartTaskResponse(should_start=outcome.changed)


def cancel_(context: Context, request: pb.TaskGuidRequest) -> pb.TaskLifecycleResponse:
    """Nobody wants it any more."""
    outcome = _decide(context, request.task_guid, lambda task: cancel(task, context.now))
    if outcome.cancel_on:
        context.effects.cancels.append((outcome.cancel_on, request.task_guid))
    return pb.TaskLifecycleResponse()


def fail_(context: Context, request: pb.FailTaskRequest) -> pb.TaskLifecycleResponse:
    """It will not run, or not to its end."""
    _decide(context, request.task_guid, lambda task: fail(task, request.failure_reason, context.now))
    return pb.TaskLifecycleResponse()


def reject_(context: Context, request: pb.RejectTaskRequest) -> pb.TaskLifecycleResponse:
    """No cell was found, or one refused."""
    _decide(context, request.task_guid, lambda task: reject(task, request.rejection_reason, context.now))
    return pb.TaskLifecycleResponse()


def complete_(context: Context, request: pb.CompleteTaskRequest) -> pb.TaskLifecycleResponse:
    """A cell says that it has come to its end."""
    _decide(
        context,
        request.task_guid,
        lambda task: complete(
            task,
            request.cell_id,
            context.now,
            failed=request.failed,
            failure_reason=request.failure_reason,
            result=request.result,
        ),
    )
    return pb.TaskLifecycleResponse()


def resolving_(context: Context, request: pb.TaskGuidRequest) -> pb.TaskLifecycleResponse:
    """Somebody takes care of it."""
    _decide(context, request.task_guid, lambda task: resolving(task, context.now))
    return pb.TaskLifecycleResponse()


def delete_(context: Context, request: pb.TaskGuidRequest) -> pb.TaskLifecycleResponse:
    """It was taken care of."""
    _decide(context, request.task_guid, delete)
    return pb.TaskLifecycleResponse()


def carry_out(context: Context, outcome: TaskOutcome, definition: pb.TaskDefinition) -> None:
    """Write what becomes of a task, and remember what else it asks for."""
    context.tx.write_task(outcome)
    before = task_message(outcome.before, definition)
    if outcome.after is None:
        context.effects.task_events.append(events_pb2.TaskRemovedEvent(task=before))
        return
    if outcome.changed:
        after = task_message(outcome.after, definition)
        context.effects.task_events.append(events_pb2.TaskChangedEvent(before=before, after=after))
    if outcome.callback and definition.completion_callback_url:
        context.effects.callbacks.append((definition.completion_callback_url, _callback(outcome.after, definition)))


def _callback(task: Task, definition: pb.TaskDefinition) -> TaskCallback:
    return TaskCallback(
        task.guid, task.failed, task.failure_reason, task.result, definition.annotation, task.created_at
    )


def _decide(context: Context, guid: str, decide: Callable[[Task], TaskOutcome]) -> TaskOutcome:
    task, definition = context.tx.task(guid)
    outcome = decide(task)
    carry_out(context, outcome, definition)
    return outcome


def _expect_valid(request: pb.DesireTaskRequest) -> None:
    definition = request.task_definition
    checks = {
        "domain": bool(request.domain),
        "task_guid": bool(_GUID.match(request.task_guid)),
        "rootfs": bool(definition.root_fs) and _has_scheme(definition.root_fs),
        "action": definition.HasField("action") and bool(definition.action.ListFields()),
        "memory_mb": definition.memory_mb >= 0,
        "disk_mb": definition.disk_mb >= 0,
        "max_pids": definition.max_pids >= 0,
        "annotation": len(definition.annotation) <= ANNOTATION_MAXIMUM,
        "image_password": bool(definition.image_password) or not definition.image_username,
        "image_username": bool(definition.image_username) or not definition.image_password,
    }
    said = [f"Invalid field: {name}" for name, holds in checks.items() if not holds]
    if said:
        raise BBSError(4, ", ".join(said))


def _has_scheme(rootfs: str) -> bool:
    try:
        return bool(urlsplit(rootfs).scheme)
    except ValueError:
        return False
