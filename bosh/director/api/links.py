"""Links that deployments resolved at their last success, and links for outsiders (bosh: links_controller.rb, links_api_manager.rb …).

Ids are made from what they name, so that they stay the same from deploy to deploy. A link for an outsider is a promise to name the
provider's address; it is remembered apart from the deployment, outlives its deploys, and ends with the provider.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, empty, json_reply
from bosh.inventory.dns_ids import read_dns_ids
from bosh.plan import dns
from bosh.state import records
from bosh.wire.director_api import times
from bosh.wire.errors import BoshError


class DeploymentRequired(BoshError):
    code = 190024


class LinkLookupError(BoshError):
    code, status = 810000, 404


class LinkCreateError(BoshError):
    code = 810001


class LinkProviderLookupError(BoshError):
    code = 810002


class LinkNetworkLookupError(BoshError):
    code = 810003


class LinkNotExternal(BoshError):
    code = 810005


class LinkIdRequired(BoshError):
    code = 810006


class LinkInvalidStatus(BoshError):
    code = 810007


class LinkInvalidAzs(BoshError):
    code = 810008


class LinkProviderNotShared(BoshError):
    code, status = 810009, 403


_STATUSES = ("healthy", "unhealthy", "all", "default")
_EXTERNAL = "external_link:"


@dataclass(frozen=True, slots=True)
class External:
    """A link for somebody who is no deployment."""

    id: str
    consumer: str
    """The name they gave."""
    deployment: str
    provider_id: str
    name: str
    network: str
    created_at: str


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
    outsiders = [
        {
            "id": _id("external consumer", one.deployment, one.consumer),
            "name": one.name,
            "optional": False,
            "deployment": one.deployment,
            "owner_object": {"type": "external", "name": one.consumer},
            "link_consumer_definition": {"name": one.name, "type": _provider(deployment, one.provider_id)["type"]},
        }
        for one in _externals(call, deployment)
    ]
    return json_reply(
        outsiders
        + [
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
        [_external_body(one) for one in _externals(call, deployment)]
        + [
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


# --- links for outsiders


def _providers(deployment: records.Deployment) -> dict[str, dict[str, Any]]:
    """By their ids."""
    return {_provider_id(deployment.name, each): each for each in deployment.providers}


def _provider(deployment: records.Deployment, provider_id: str) -> dict[str, Any]:
    return _providers(deployment)[provider_id]


def _externals(call: Call, deployment: records.Deployment) -> list[External]:
    """Those whose provider is still there."""
    known = _providers(deployment)
    rows = (row for row in call.store.attributes.list() if row.name.startswith(_EXTERNAL))
    found = (External(**json.loads(row.value)) for row in rows)
    return [one for one in found if one.deployment == deployment.name and one.provider_id in known]


def _external_body(one: External) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "link_consumer_id": _id("external consumer", one.deployment, one.consumer),
        "link_provider_id": one.provider_id,
        "created_at": one.created_at,
    }


def _consumer_name(payload: dict[str, Any]) -> str:
    """Raises LinkCreateError."""
    provider_id, consumer = payload.get("link_provider_id"), payload.get("link_consumer")
    owner = consumer.get("owner_object") if isinstance(consumer, dict) else None
    owner = owner if isinstance(owner, dict) else None
    checks = (
        (provider_id not in (None, ""), "`link_provider_id` must be provided"),
        (isinstance(provider_id, str), "`link_provider_id` must be a String"),
        (consumer is not None, "`link_consumer` section must be defined"),
        (owner is not None, "`link_consumer.owner_object` section must be defined"),
        ((owner or {}).get("type") == "external", "`link_consumer.owner_object.type` should be 'external'"),
        (bool((owner or {}).get("name")), "`link_consumer.owner_object.name` must not be empty"),
    )
    for holds, what in checks:
        if not holds:
            raise LinkCreateError(f"Invalid request: {what}")
    return str((owner or {})["name"])


async def create(call: Call) -> Response:
    """Make a link for an outsider; the same one when it is asked for again."""
    payload = await call.json_object()
    consumer, provider_id = _consumer_name(payload), str(payload["link_provider_id"])
    for deployment in call.store.deployments.list():
        provider = _providers(deployment).get(provider_id)
        if provider is not None:
            call.demand_for("admin", deployment.teams)
            made = _external(call, deployment.name, provider_id, provider, consumer, payload.get("network"))
            return json_reply(_external_body(made))
    raise LinkProviderLookupError(f"Invalid link_provider_id: {provider_id}")


def _external(
    call: Call, deployment: str, provider_id: str, provider: dict[str, Any], consumer: str, network: Any
) -> External:
    """Raises LinkProviderNotShared, LinkNetworkLookupError."""
    if not provider.get("shared", True):
        raise LinkProviderNotShared("Provider not `shared`")
    if network is not None and network not in (provider.get("content") or {}).get("networks", []):
        raise LinkNetworkLookupError(
            f"Can't resolve network: `{network}` in provider id: {provider_id} for `{consumer}`"
        )
    link_id = _id("external link", deployment, consumer, provider_id, str(network or ""))
    with call.store.transaction():
        row = call.store.attributes.get(name=_EXTERNAL + link_id)
        if row is not None:
            return External(**json.loads(row.value))
        now = times.iso(call.desk.clock.now())
        made = External(link_id, consumer, deployment, provider_id, provider["name"], str(network or ""), now)
        call.store.attributes.insert(records.DirectorAttribute(_EXTERNAL + link_id, json.dumps(asdict(made))))
    return made


def delete(call: Call) -> Response:
    """End a link for an outsider; a deployment's own end with its next deploy."""
    link_id = call.path("id")
    for deployment in call.store.deployments.list():
        if any(one.id == link_id for one in _externals(call, deployment)):
            call.demand_for("admin", deployment.teams)
            call.store.attributes.delete(name=_EXTERNAL + link_id)
            return empty(204)
        if any(_link_id(deployment.name, link) == link_id for link in deployment.links):
            raise LinkNotExternal("Error deleting link: not a external link")
    raise LinkLookupError(f"Invalid link id: {link_id}")


# --- addresses


def address(call: Call) -> Response:
    """The DNS address that a link's content names."""
    link_id = call.query("link_id")
    if not link_id:
        raise LinkIdRequired("Link id is required")
    status, params = call.query("status", "default"), call.request.query_params
    if status not in _STATUSES:
        raise LinkInvalidStatus(f"status must be a one of: {list(_STATUSES)}")
    if "azs" in params:
        raise LinkInvalidAzs("`azs` param must be array form: `azs[]=az1&azs[]=az2`")
    azs = params.getlist("azs[]")
    for deployment in call.store.deployments.list():
        content = _content(call, deployment, link_id)
        if content is not None:
            call.demand_for("read", deployment.teams)
            return json_reply({"address": _address(call, content, azs, status)})
    raise LinkLookupError(f"Could not find a link with id {link_id}")


def _content(call: Call, deployment: records.Deployment, link_id: str) -> dict[str, Any] | None:
    """What a link says, None when it is none of this deployment."""
    for link in deployment.links:
        if _link_id(deployment.name, link) == link_id:
            found: dict[str, Any] = link["content"]
            return found
    for one in _externals(call, deployment):
        if one.id == link_id:
            offered: dict[str, Any] = _provider(deployment, one.provider_id).get("content") or {}
            return offered | ({"default_network": one.network} if one.network else {})
    return None


def _address(call: Call, content: dict[str, Any], azs: list[str], status: str) -> str:
    """Raises LinkInvalidAzs: a zone that no instance was ever in."""
    if content.get("address"):
        return str(content["address"])
    group, deployment = str(content.get("instance_group", "*")), str(content.get("deployment_name", "*"))
    domain, ids = str(content.get("domain") or "bosh"), read_dns_ids(call.store)
    try:
        number = ids.groups.get(("instance-group", group, deployment))
        if content.get("use_short_dns_addresses") and number is not None:
            return dns.short_query(ids, group_number=number, domain=domain, azs=azs, status=status)
        network = str(content.get("default_network", "*"))
        return dns.long_query(
            ids, group=group, network=network, deployment=deployment, domain=domain, azs=azs, status=status
        )
    except KeyError as error:
        raise LinkInvalidAzs(f"Unknown availability zone {error}") from error


ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/link_providers", providers, ""),
    endpoint("GET", "/link_consumers", consumers, ""),
    endpoint("GET", "/links", links, ""),
    endpoint("POST", "/links", create, "", consumes=("application/json",)),
    endpoint("DELETE", "/links/{id}", delete, ""),
    endpoint("GET", "/link_address", address, "read_link"),
]
