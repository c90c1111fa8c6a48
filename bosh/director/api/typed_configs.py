"""/cloud_configs, /runtime_configs and /cpi_configs: the older doors to three types of configs (bosh: cloud_configs_controller.rb …)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from bosh.director import config_sets
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, empty, json_reply, yaml_object
from bosh.director.api.configs import store
from bosh.director.api.differences import compare
from bosh.wire.director_api import times
from bosh.wire.errors import BoshError

_YAML = ("text/yaml", "application/x-yaml")


@dataclass(frozen=True, slots=True)
class Door:
    """One of the three."""

    type: str
    has_names: bool = True
    always_shown: bool = False
    """Differences are never redacted (cloud configs hold no secrets)."""
    permission: str = "read"

    def name(self, call: Call) -> str:
        return (call.query("name") or "default") if self.has_names else "default"

    def listed(self, call: Call) -> Response:
        text = call.query("limit")
        if not text:
            raise Answer(400, "limit is required")
        if not text.lstrip("-").isdecimal():
            raise Answer(400, f"limit is invalid: '{text}' is not an integer")
        filters: dict[str, Any] = {"type": self.type, "name": self.name(call), "deleted": False}
        found = call.store.configs.list(newest_first=True, limit=max(int(text), 0), **filters)
        return json_reply([{"properties": each.content, "created_at": times.ruby(each.created_at)} for each in found])

    async def create(self, call: Call) -> Response:
        text, name = await call.text(), self.name(call)
        object_type = f"{self.type}-config"
        try:
            yaml_object(text)
        except BoshError as error:
            call.event("update", object_type, name, error=str(error))
            raise
        latest = config_sets.current(call.store, self.type, name)
        if latest is None or latest.content != text:
            store(call, self.type, name, text)
            call.event("update", object_type, name)
        return empty(201)

    async def diff(self, call: Call) -> Response:
        new = yaml_object(await call.text())
        latest = config_sets.current(call.store, self.type, self.name(call))
        redact = not self.always_shown and call.query("redact") != "false"
        reply: dict[str, Any]
        try:
            old = yaml_object(latest.content) if latest is not None else {}
            reply = {"diff": await asyncio.to_thread(compare, old, new, redact=redact)}
        except BoshError as error:
            # The status stays 200: the CLI shows the text and goes on.
            reply = {"diff": [], "error": f"Unable to diff {self.type}-config: {error}"}
        return json_reply(reply)

    def endpoints(self) -> list[Endpoint]:
        path = f"/{self.type}_configs"
        return [
            endpoint("GET", path, self.listed, self.permission),
            endpoint("POST", path, self.create, consumes=_YAML),
            endpoint("POST", f"{path}/diff", self.diff, consumes=_YAML),
        ]


ENDPOINTS: list[Endpoint] = [
    *Door("cloud", always_shown=True).endpoints(),
    *Door("runtime").endpoints(),
    *Door("cpi", has_names=False, permission="admin").endpoints(),
]
