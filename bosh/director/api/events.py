"""/events (bosh: events_controller.rb, event_manager.rb)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, empty, json_reply
from bosh.state import records
from bosh.wire.director_api import times
from bosh.wire.errors import ValidationInvalidType

PAGE = 200
_EQUAL = ("task", "deployment", "instance", "user", "action", "object_type", "object_name")
_ROWS_PER_LOOK = 1000


def body(event: records.Event) -> dict[str, Any]:
    """Numbers as text, and nothing that is empty."""
    fields = {
        "id": str(event.id),
        "parent_id": str(event.parent_id) if event.parent_id else "",
        "timestamp": int(event.timestamp.timestamp()),
        "user": event.user,
        "action": event.action,
        "object_type": event.object_type,
        "object_name": event.object_name,
        "error": event.error,
        "task": event.task,
        "deployment": event.deployment,
        "instance": event.instance,
        "context": event.context,
    }
    return {name: value for name, value in fields.items() if value != ""}


def listed(call: Call) -> Response:
    filters: dict[str, Any] = {name: call.query(name) for name in _EQUAL if name in call.request.query_params}
    before, after = _time(call, "before_time", "before"), _time(call, "after_time", "after")
    text = call.query("before_id")
    before_id = int(text) if text.isdecimal() else None
    found: list[dict[str, Any]] = []
    while len(found) < PAGE:
        rows = call.store.events.list(newest_first=True, limit=_ROWS_PER_LOOK, before_id=before_id, **filters)
        for event in rows:
            in_time = (before is None or event.timestamp < before) and (
                after is None or event.timestamp >= after + timedelta(seconds=1)
            )
            if in_time and len(found) < PAGE:
                found.append(body(event))
        if len(rows) < _ROWS_PER_LOOK:
            break
        before_id = rows[-1].id
    return json_reply(found)


def _time(call: Call, parameter: str, shown: str) -> Any:
    text = call.query(parameter)
    if not text:
        return None
    try:
        return times.parse(text)
    except ValueError as error:
        raise Answer(400, f"Invalid {shown} parameter: '{text}' ") from error


def one(call: Call) -> Response:
    event = call.store.events.get(id=int(text)) if (text := call.path("id")).isdecimal() else None
    if event is None:
        raise Answer(404, "Event not found")
    return json_reply(body(event))


async def create(call: Call) -> Response:
    """The health monitor stores its alerts here."""
    payload = await call.json_object()
    if any(payload.get(name) is None for name in ("action", "object_type", "object_name")):
        raise ValidationInvalidType("Action, object_type, object_name are required")
    context = payload.get("context") or {}
    if not isinstance(context, dict):
        raise ValidationInvalidType("Context must be a hash")
    moment = call.desk.clock.now()
    if payload.get("timestamp") is not None:
        try:
            moment = times.parse(str(payload["timestamp"]))
        except ValueError as error:
            raise Answer(400, f"Invalid timestamp parameter: '{payload['timestamp']}' ") from error
    if call.desk.config.record_events:
        call.store.events.insert(_event(call, payload, moment, context))
    return empty(200)


def _event(call: Call, payload: dict[str, Any], moment: Any, context: dict[str, Any]) -> records.Event:
    return records.Event(
        str(payload["action"]),
        str(payload["object_type"]),
        moment,
        call.user.name,
        object_name=str(payload["object_name"]),
        error=str(payload.get("error") or ""),
        deployment=str(payload.get("deployment") or ""),
        instance=str(payload.get("instance") or ""),
        context=context,
    )


ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/events", listed, "read_events"),
    endpoint("GET", "/events/{id}", one),
    endpoint("POST", "/events", create, consumes=("application/json",)),
]
