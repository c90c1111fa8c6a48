"""/tasks and the singular /task (bosh: tasks_controller.rb, task_controller.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.responses import Response, StreamingResponse

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, empty, json_reply, text_reply
from bosh.director.tasks.engine import CANCELLABLE
from bosh.state import records
from bosh.wire.director_api import ranges, times
from bosh.wire.errors import TaskUnexpectedState, UnauthorizedToAccessDeployment

# What `bosh tasks` shows by default (verbose=1).
_SHOWN = (
    "attach_disk", "create_snapshot", "delete_deployment", "delete_release", "delete_snapshot", "delete_stemcell", "run_errand",
    "snapshot_deployment", "update_instance", "update_deployment", "update_release", "update_stemcell", "export_release",
)  # fmt: skip
_PIECE_BYTES = 1 << 20


def body(task: records.Task) -> dict[str, Any]:
    """The task as clients see it; ``timestamp`` stays null until it is over."""
    return {
        "id": task.id,
        "state": task.state,
        "description": task.description,
        "timestamp": times.unix(task.finished_at),
        "started_at": times.unix(task.started_at),
        "result": task.result or None,
        "user": task.username,
        "deployment": task.deployment or None,
        "context_id": task.context_id,
    }


def _teams(call: Call, task: records.Task) -> list[str]:
    deployment = call.store.deployments.get(name=task.deployment) if task.deployment else None
    return list(deployment.teams) if deployment is not None else []


def _fresh(call: Call, task: records.Task) -> records.Task:
    """The task, shown as timed out when its worker has been silent for too long."""
    if not call.desk.tasks.is_silent(task):
        return task
    call.desk.tasks.mark_silent()
    return call.desk.tasks.find(task.id)


def listed(call: Call) -> Response:
    filters: dict[str, Any] = {}
    if states := [state for state in call.query("state").split(",") if state]:
        filters["state"] = states
    if call.query("verbose", "1") == "1":
        filters["type"] = _SHOWN
    for name in ("context_id", "deployment"):
        if name in call.request.query_params:
            filters[name] = call.query(name)
    limit = max(int(text), 1) if (text := call.query("limit")).isdecimal() else None
    teams = call.teams
    sees_all = call.may("read", [])
    if not sees_all:
        filters["deployment"] = [each.name for each in call.store.deployments.list() if set(each.teams) & set(teams)]
    tasks = call.store.tasks.list(newest_first=True, limit=limit, **filters)
    return json_reply([body(_fresh(call, task)) for task in tasks])


def one(call: Call) -> Response:
    task = call.desk.tasks.find(call.path("id"))
    call.demand_for("read", _teams(call, task))
    return json_reply(body(_fresh(call, task)))


async def output(call: Call) -> Response:
    kind = call.query("type", "debug")
    task = call.desk.tasks.find(call.path("id"))
    if kind in {"debug", "cpi"}:
        call.demand_for("admin", _teams(call, task))
    elif kind in {"event", "result", "none"}:
        call.demand_for("read", _teams(call, task))
    else:
        raise UnauthorizedToAccessDeployment(f"Unknown type {kind}")
    if kind == "none":
        return empty(204)
    if kind in {"event", "result"}:
        return _text(call, call.store.task_output(task.id, kind).encode())
    return _file(call, call.desk.places.task(task.id) / kind)


def _text(call: Call, content: bytes) -> Response:
    try:
        part = ranges.wanted(call.request.headers.get("range", ""), len(content))
    except ranges.Unsatisfiable as nothing:
        return _unsatisfiable(str(nothing))
    if part is None:
        return Response(content, media_type="text/plain")
    headers = {"Content-Range": part.content_range()}
    return Response(content[part.start : part.stop], 206, headers, media_type="text/plain")


def _unsatisfiable(content_range: str) -> Response:
    return Response("Byte range unsatisfiable", 416, {"Content-Range": content_range}, media_type="text/plain")


def _file(call: Call, path: Path) -> Response:
    if not path.is_file():
        return empty(204)
    size = path.stat().st_size
    try:
        part = ranges.wanted(call.request.headers.get("range", ""), size)
    except ranges.Unsatisfiable as nothing:
        return _unsatisfiable(str(nothing))
    headers = {"Accept-Ranges": "bytes"}
    whole = part or ranges.Slice(0, size, size)
    headers["Content-Length"] = str(whole.stop - whole.start)
    if part is not None:
        headers["Content-Range"] = part.content_range()
    status = 200 if part is None else 206
    return StreamingResponse(_pieces(path, whole), status, headers, media_type="text/plain")


async def _pieces(path: Path, part: ranges.Slice) -> AsyncIterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(part.start)
        left = part.stop - part.start
        while left > 0:
            piece = await asyncio.to_thread(stream.read, min(left, _PIECE_BYTES))
            if not piece:
                return
            left -= len(piece)
            yield piece


def cancel(call: Call) -> Response:
    task = call.desk.tasks.find(call.path("id"))
    call.demand_for("admin", _teams(call, task))
    try:
        call.desk.tasks.cancel(task)
    except TaskUnexpectedState as error:
        return text_reply(error.brief, 400)
    return empty(204)


async def cancel_some(call: Call) -> Response:
    selector = await call.json_object()
    states = selector.get("states")
    states = states if isinstance(states, list) and states else ["queued"]
    for state in states:
        if state not in CANCELLABLE:
            raise Answer(400, f"{state} is not one of the cancellable states: {', '.join(CANCELLABLE)}")
    filters: dict[str, Any] = {"state": states}
    types = selector.get("types")
    if isinstance(types, list) and types:
        filters["type"] = types
    if selector.get("deployment"):
        filters["deployment"] = selector["deployment"]
    for task in call.store.tasks.list(**filters):
        try:
            call.desk.tasks.cancel(task)
        except TaskUnexpectedState:
            # It ended between being listed and being cancelled, which is what was wanted.
            continue
    return empty(204)


ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/tasks", listed, "list_tasks"),
    endpoint("POST", "/tasks/cancel", cancel_some, consumes=("application/json",)),
    endpoint("GET", "/tasks/{id}", one, "list_tasks"),
    endpoint("GET", "/tasks/{id}/output", output, ""),
    endpoint("DELETE", "/task/{id}", cancel, ""),
]
