"""/configs of any type (bosh: configs_controller.rb)."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from bosh.director import config_sets
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, empty, json_reply
from bosh.director.api.differences import compare
from bosh.state import records
from bosh.wire.director_api import times
from bosh.wire.errors import BadConfig, BadConfigRequest, BoshError, ConfigNotFound

_JSON = ("application/json",)
_DIFF_HELP = (
    "The following request formats are allowed:\n"
    '1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}\n'
    '2. {"type":"<type>","name":"<name>","content":"<content>"}'
)


def body(call: Call, config: records.Config) -> dict[str, Any]:
    """One config; ids are opaque text to clients."""
    latest = config_sets.current(call.store, config.type, config.name)
    return {
        "content": config.content,
        "id": str(config.id),
        "type": config.type,
        "name": config.name,
        "team": config.team or None,
        "created_at": times.ruby(config.created_at),
        "current": not config.deleted and latest is not None and latest.id == config.id,
    }


def _teams(config: records.Config) -> list[str]:
    return [config.team] if config.team else []


def _find(call: Call, config_id: str) -> records.Config:
    config = call.store.configs.get(id=int(config_id)) if config_id.isdecimal() else None
    if config is None or config.deleted:
        raise ConfigNotFound(f"Config {config_id} not found")
    return config


def one(call: Call) -> Response:
    return json_reply(body(call, _find(call, call.path("id"))))


def _limit(call: Call) -> int | None:
    """Versions of each name; None for all."""
    limit, latest = call.request.query_params.get("limit"), call.request.query_params.get("latest")
    if limit is not None:
        if not limit.lstrip("-").isdecimal():
            raise BadConfigRequest("'limit' must be a number")
        if int(limit) < 1:
            raise BadConfigRequest("'limit' must be larger than zero")
    if latest not in {None, "true", "false"}:
        raise BadConfigRequest("'latest' must be 'true' or 'false'")
    if limit is not None:
        return int(limit)
    return None if latest == "false" else 1


def listed(call: Call) -> Response:
    limit = _limit(call)
    filters: dict[str, Any] = {name: call.query(name) for name in ("type", "name") if name in call.request.query_params}
    shown: list[records.Config] = []
    counts: dict[tuple[str, str], int] = {}
    for config in config_sets.in_order(call.store.configs.list(deleted=False, **filters)):
        key = (config.type, config.name)
        counts[key] = counts.get(key, 0) + 1
        if (limit is None or counts[key] <= limit) and call.may("read", _teams(config)):
            shown.append(config)
    return json_reply([body(call, config) for config in shown])


def parsed(content: Any) -> dict[str, Any]:
    """A config's content as a map. Raises BadConfig."""
    from bosh.manifest import documents

    if not isinstance(content, str):
        raise BadConfig("YAML hash expected")
    try:
        value = documents.load(content, "config").value
    except BoshError as error:
        raise BadConfig(f"Config must be valid YAML: {error}") from error
    if not isinstance(value, dict):
        raise BadConfig("YAML hash expected")
    return value


def _named(request: dict[str, Any], key: str) -> str:
    value = request.get(key)
    if not value:
        raise BadConfigRequest(f"'{key}' is required")
    if not isinstance(value, str):
        raise BadConfigRequest(f"'{key}' must be a string")
    return value


async def _request(call: Call) -> dict[str, Any]:
    request = await call.json()
    if not isinstance(request, dict):
        raise BadConfigRequest("JSON object expected")
    return request


async def create(call: Call) -> Response:
    request = await _request(call)
    try:
        config_type, name = _named(request, "type"), _named(request, "name")
        parsed(request.get("content"))
    except BoshError as error:
        call.event("create", f"config/{request.get('type', '')}", str(request.get("name") or ""), error=str(error))
        raise
    latest = config_sets.current(call.store, config_type, name)
    latest_id = str(latest.id) if latest is not None else "0"
    expected = request.get("expected_latest_id")
    if expected is not None and str(expected) != latest_id:
        return _conflict(latest_id, str(expected))
    if latest is not None:
        call.demand_for("admin", _teams(latest))
    if latest is None or latest.content != request["content"]:
        latest = store(call, config_type, name, request["content"])
        call.event("create", f"config/{config_type}", name)
    return json_reply(body(call, latest), 201)


def store(call: Call, config_type: str, name: str, content: str) -> records.Config:
    """Keep a new version; it belongs to the first team that its author is admin of."""
    team = next(iter(call.teams), "")
    return call.store.configs.insert(records.Config(config_type, name, content, call.desk.clock.now(), team=team))


def _conflict(latest_id: str, expected: str) -> Response:
    description = f"Latest Id: '{latest_id}' does not match expected latest id"
    return json_reply({"latest_id": latest_id, "expected_latest_id": expected, "description": description}, 412)


async def diff(call: Call) -> Response:
    request = await _request(call)
    reply: dict[str, Any] = {}
    try:
        if "from" in request or "to" in request:
            old, new = _side(call, request.get("from")), _side(call, request.get("to"))
        else:
            old, new, latest_id = _against_current(call, request)
            reply["from"] = {"id": latest_id}
        reply["diff"] = await asyncio.to_thread(compare, old, new, redact=True)
    except BadConfig as error:
        return json_reply({"diff": [], "error": f"Unable to diff config content: {error}"}, 400)
    return json_reply(reply)


def _side(call: Call, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and isinstance(value.get("id"), str) and value["id"].isdecimal():
        config = _find(call, value["id"])
        call.demand_for("admin", _teams(config))
        return parsed(config.content)
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return parsed(value["content"])
    raise BadConfigRequest(_DIFF_HELP)


def _against_current(call: Call, request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    if not all(isinstance(request.get(key), str) and request[key] for key in ("type", "name", "content")):
        raise BadConfigRequest(_DIFF_HELP)
    new = parsed(request["content"])
    latest = config_sets.current(call.store, request["type"], request["name"])
    if latest is None:
        return {}, new, "0"
    call.demand_for("admin", _teams(latest))
    return parsed(latest.content), new, str(latest.id)


def delete_one(call: Call) -> Response:
    config = _find(call, call.path("id"))
    call.demand_for("admin", _teams(config))
    call.store.configs.update(config.id, deleted=True)
    return empty(204)


def delete_named(call: Call) -> Response:
    request = dict(call.request.query_params)
    config_type, name = _named(request, "type"), _named(request, "name")
    latest = config_sets.current(call.store, config_type, name)
    if latest is None:
        return empty(404)
    call.demand_for("admin", _teams(latest))
    call.store.configs.update_where({"type": config_type, "name": name, "deleted": False}, deleted=True)
    return empty(204)


ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/configs", listed, "list_configs"),
    endpoint("POST", "/configs", create, "update_configs", consumes=_JSON),
    endpoint("POST", "/configs/diff", diff, "list_configs", consumes=_JSON),
    endpoint("DELETE", "/configs", delete_named, "update_configs"),
    endpoint("GET", "/configs/{id}", one, "read"),
    endpoint("DELETE", "/configs/{id}", delete_one, "update_configs"),
]
