"""Links that deployments resolved at their last success (bosh: links_controller.rb, link_providers_controller.rb …).

Ids are made from what they name, so that they stay the same from deploy to deploy.
"""

from __future__ import annotations

import zlib
from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply
from bosh.state import records
from bosh.wire.errors import BoshError


class DeploymentRequired(BoshError):
    code = 190024


class LinkLookupError(BoshError):
    code, status = 810000, 404


class LinkIdRequired(BoshError):
    code = 810006


class LinkInvalidStatus(BoshError):
    code = 810007


_STATUSES = ("healthy", "unhealthy", "all", "default")


def _id(*parts: str) -> str:
    return str(zlib.crc32("\0".join(parts).encode()))


def _wanted(call: Call) -> records.Deployment:
    if not call.query("deployment"):
        raise DeploymentRequired("Deployment name is required")
    return call.deployment("read", call.query("deployment"))


def _provider_id(deployment: str, provider: dict[str, Any]) -> str:
    return _id("provider", deployment, provider["group"], provider["job"], provider["name"])


def _consumer_id(deployment: str, link: dict[str, Any]) -> str:
    return _id("consumer", deployment, link["consumer_group"], link["consumer_job"], link["name"])


def _link_id(deployment: str, link: dict[str, Any]) -> str:
    return _id("link", _consumer_id(deployment, link))


def providers(call: Call) -> Response:
    deployment = _wanted(call)
    return json_reply(
        [
            {
                "id": _provider_id(deployment.name, each),
                "name": each["name"],
                "shared": each.get("shared", True),
                "deployment": deployment.name,
                "link_provider_definition": {
                    "type": each["type"],
                    "name": each.get("original_name") or each["name"],
                },
                "owner_object": {"type": "job", "name": each["job"], "info": {"instance_group": each["group"]}},
            }
            for each in deployment.providers
        ]
    )


def consumers(call: Call) -> Response:
    deployment = _wanted(call)
    return json_reply(
        [
            {
                "id": _consumer_id(deployment.name, each),
                "name": each["name"],
                "optional": each.get("optional", False),
                "deployment": deployment.name,
                "owner_object": {
                    "type": "job",
                    "name": each["consumer_job"],
                    "info": {"instance_group": each["consumer_group"]},
                },
                "link_consumer_definition": {"name": each["name"], "type": each.get("type", "")},
            }
            for each in deployment.links
        ]
    )


def links(call: Call) -> Response:
    deployment = _wanted(call)
    return json_reply(
        [
            {
                "id": _link_id(deployment.name, each),
                "name": each["name"],
                "link_consumer_id": _consumer_id(deployment.name, each),
                "link_provider_id": _provider_id(str(each["provider"].get("deployment")), each["provider"])
                if each.get("provider")
                else None,
                "created_at": None,
            }
            for each in deployment.links
        ]
    )


def address(call: Call) -> Response:
    """The DNS address that a link's content names."""
    link_id = call.query("link_id")
    if not link_id:
        raise LinkIdRequired("Link id is required")
    if call.query("status", "default") not in _STATUSES:
        raise LinkInvalidStatus(f"status must be a one of: {list(_STATUSES)}")
    for deployment in call.store.deployments.list():
        for link in deployment.links:
            if _link_id(deployment.name, link) == link_id:
                call.demand_for("read", deployment.teams)
                return json_reply({"address": _address(link["content"])})
    raise LinkLookupError(f"Could not find a link with id {link_id}")


def _address(content: dict[str, Any]) -> str:
    if content.get("address"):
        return str(content["address"])
    query = f"{content.get('instance_group', '*')}.{content.get('default_network', '*')}.{content['deployment_name']}"
    return f"q-s0.{query}.{content.get('domain', 'bosh')}"


ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/link_providers", providers, ""),
    endpoint("GET", "/link_consumers", consumers, ""),
    endpoint("GET", "/links", links, ""),
    endpoint("GET", "/link_address", address, "read_link"),
]
