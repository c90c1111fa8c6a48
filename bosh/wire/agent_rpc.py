"""Director ↔ agent messages (bosh-agent: agent/action, mbus; bosh: agent_client.rb).

A request is published on ``agent.<agent_id>``; the reply goes to ``reply_to``, ``director.<director uuid>.<agent_id>.<request uuid>``.
A long action answers ``{"agent_task_id", "state": "running"}`` and is asked for with ``get_task`` until the bare result comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROTOCOL = 3
"""Version the director speaks; above 2 ``stop`` waits for processes."""

MAX_REPLY_BYTES = 1024 * 1024


class InvalidMessage(ValueError):
    """Bytes that are not a request or a reply."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    arguments: tuple[Any, ...]
    reply_to: str
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Reply:
    """Exactly one of value (any JSON, null included) and exception text."""

    value: Any = None
    exception: str | None = None


def encode_request(request: Request) -> bytes:
    body = {
        "protocol": request.protocol,
        "method": request.method,
        "arguments": list(request.arguments),
        "reply_to": request.reply_to,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def decode_request(payload: bytes) -> Request:
    """Raises InvalidMessage."""
    try:
        body = json.loads(payload)
    except ValueError as error:
        raise InvalidMessage(f"request is not JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        raise InvalidMessage("request must be an object with a method")
    arguments = body.get("arguments") or []
    if not isinstance(arguments, list):
        raise InvalidMessage("arguments must be a list")
    protocol = body.get("protocol", 0)
    return Request(
        body["method"],
        tuple(arguments),
        str(body.get("reply_to") or ""),
        protocol if isinstance(protocol, int) else 0,
    )


def encode_reply(reply: Reply) -> bytes:
    body = {"value": reply.value} if reply.exception is None else {"exception": {"message": reply.exception}}
    return json.dumps(body, separators=(",", ":")).encode()


def decode_reply(payload: bytes) -> Reply:
    """Raises InvalidMessage."""
    try:
        body = json.loads(payload)
    except ValueError as error:
        raise InvalidMessage(f"reply is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidMessage("reply must be an object")
    exception = body.get("exception")
    if exception is not None:
        message = exception.get("message", "") if isinstance(exception, dict) else exception
        return Reply(exception=str(message))
    return Reply(value=body.get("value"))


def running_task(value: Any) -> str | None:
    """The agent task's id when the value says that the action still runs."""
    if isinstance(value, Mapping) and "agent_task_id" in value:
        return str(value["agent_task_id"])
    return None
