"""The monitor's view of the director, fetched off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from bosh.clients.director import DirectorClient
from bosh.health.config import Director
from bosh.health.model import DeploymentView, InstanceView
from bosh.health.resurrection import Rule, rules_from

log = logging.getLogger(__name__)


class HttpDirector:
    """``DirectorApi`` over HTTP; one connection, calls one after another."""

    def __init__(self, config: Director) -> None:
        self._client = DirectorClient(
            config.url, ca_cert=config.ca_cert, username=config.user, password=config.password
        )
        self._turn = asyncio.Lock()

    async def call(self, method: str, path: str, **options: Any) -> Any:
        async with self._turn:
            reply = await asyncio.to_thread(self._client.call, method, path, **options)
        return reply.json() if reply.body and "json" in reply.headers.get("content-type", "") else None

    async def resurrection_paused(self) -> bool:
        answer = await self.call("GET", "/resurrection")
        return bool(answer and answer.get("resurrection_paused"))

    async def resurrection_rules(self) -> Sequence[Rule]:
        import yaml

        configs = await self.call("GET", "/configs", query={"type": "resurrection", "latest": "true"})
        try:
            return rules_from([yaml.safe_load(config["content"]) or {} for config in configs or []])
        except (yaml.YAMLError, ValueError, AttributeError) as error:
            # A rule nobody can read must not stop repairs: the default is that they happen.
            log.error("cannot read resurrection config error=%s", error)
            return ()

    async def deployments(self) -> list[DeploymentView]:
        """All deployments with their instances."""
        found = await self.call(
            "GET",
            "/deployments",
            query={"exclude_configs": "true", "exclude_releases": "true", "exclude_stemcells": "true"},
        )
        views = []
        for deployment in found or []:
            name = deployment["name"]
            instances = await self.call("GET", f"/deployments/{quote(name)}/instances")
            views.append(
                DeploymentView(
                    name,
                    tuple(_instance(name, item) for item in instances or []),
                    tuple(deployment.get("teams") or ()),
                    bool(deployment.get("locked")),
                )
            )
        return views


def _instance(deployment: str, item: dict[str, Any]) -> InstanceView:
    return InstanceView(
        deployment=deployment,
        job=str(item["job"]),
        id=str(item["id"]),
        index=int(item.get("index") or 0),
        agent_id=str(item.get("agent_id") or ""),
        cid=str(item.get("cid") or ""),
        expects_vm=bool(item.get("expects_vm")),
    )
