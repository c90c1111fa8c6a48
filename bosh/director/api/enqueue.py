"""A request becomes a task."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bosh.director.api.calls import Call, task_reply
from bosh.director.tasks import engine


def enqueue(
    call: Call,
    task_type: str,
    description: str,
    arguments: dict[str, Any],
    *,
    deployment: str = "",
    queue: str = engine.NORMAL,
) -> Response:
    """Store the task and answer 302. ``api/README.md`` lists each type's arguments."""
    request = engine.Request(task_type, description, call.user.name, deployment, call.context_id, queue)
    return task_reply(call.desk.tasks.enqueue(request, arguments))
