"""``/v3/domains``."""

from __future__ import annotations

import re

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import flags
from cloud_controller.actions.routes import Address, find
from cloud_controller.api import lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body, or_else
from cloud_controller.presenters import platform
from cloud_controller.presenters import routes as bodies
from cloud_controller.presenters.common import to_many
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

NAME_LIMIT = 253
_NAME = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")

DOMAINS = Listing(
    "domain",
    t.domains,
    bodies.domains,
    filters={
        "names": one_of(t.domains.c.name),
        "organization_guids": one_of(t.domains.c.organization_guid),
    },
    orders=("name",),
)


def _visible(call: Call) -> list[sa.ColumnElement[bool]]:
    organizations = call.access.readable_organizations()
    if organizations is None:
        return []
    c = t.domains.c
    shared = sa.select(t.domain_shares.c.domain_guid).where(t.domain_shares.c.organization_guid.in_(organizations))
    return [sa.or_(c.organization_guid.is_(None), c.organization_guid.in_(organizations), c.guid.in_(shared))]


def index(call: Call) -> Reply:
    """List."""
    return answer(call, DOMAINS, *_visible(call))


def _domain(call: Call) -> Record:
    found = call.store.first(sa.select(t.domains).where(t.domains.c.guid == call.params["guid"], *_visible(call)))
    if found is None:
        raise errors.not_found("Domain")
    return found


def show(call: Call) -> Reply:
    """Show."""
    return one(call, DOMAINS, _domain(call))


def create(call: Call) -> Reply:
    """Create: private ones by managers, shared ones by administrators."""
    body = Body(call.json(), ("name", "internal", "router_group", "relationships", "metadata"))
    name, internal, metadata = (
        body.name(limit=NAME_LIMIT).lower(),
        or_else(body.flag("internal"), default=False),
        body.metadata(),
    )
    organization = body.to_one("organization", required=False) if body.has_relationship("organization") else None
    router_group = body.inner("router_group", ("guid",)).text("guid") if body.has("router_group") else None
    if name and not _NAME.match(name):
        body.note("Name does not comply with RFC 1035 standards")
    if internal and organization:
        body.note("Can not associate an internal domain with an organization")
    if internal and router_group:
        body.note("Internal domains cannot be associated to a router group.")
    body.finish()
    _may_create(call, organization)
    shares = body.to_many("shared_organizations")
    _refuse_conflicts(call, name)
    made = call.store.insert(
        t.domains,
        name=name,
        internal=internal,
        router_group_guid=or_else(router_group, "") or None,
        organization_guid=organization,
    )
    for guid in shares:
        lookup.organization(call, guid, "write")
        call.store.link(t.domain_shares, domain_guid=made["guid"], organization_guid=guid)
    labels.change(call.store, "domain", made["guid"], metadata)
    return one(call, DOMAINS, made, 201)


def _may_create(call: Call, organization: str | None) -> None:
    if organization is None:
        call.access.require_admin()
        return
    found = call.store.find(t.organizations, organization)
    if found is None or not call.access.organization(organization, "read"):
        raise errors.unprocessable(
            f"Organization with guid '{organization}' does not exist or you do not have access to it."
        )
    flags.require(call.store, call.who, "private_domain_creation")
    call.access.require_organization(organization, "write")


def _refuse_conflicts(call: Call, name: str) -> None:
    if call.store.find_by(t.domains, name=name):
        raise errors.unprocessable(f'The domain name "{name}" is already in use')
    host, _, rest = name.partition(".")
    parent = call.store.find_by(t.domains, name=rest)
    if parent and find(call.store, parent, Address(host)):
        raise errors.unprocessable(
            f'The domain name "{name}" cannot be created because "{name}" is already reserved by a route'
        )


def update(call: Call) -> Reply:
    """Label."""
    domain = _changeable(call)
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "domain", domain["guid"], metadata)
    return one(call, DOMAINS, domain)


def _changeable(call: Call) -> Record:
    domain = _domain(call)
    if domain["organization_guid"]:
        call.access.require_organization(domain["organization_guid"], "write")
    else:
        call.access.require_admin()
    return domain


def remove(call: Call) -> Reply:
    """Delete with its routes, as a job."""
    domain = _changeable(call)
    if call.store.find_by(t.domain_shares, domain_guid=domain["guid"]):
        raise errors.unprocessable("This domain is shared with other organizations. Unshare before deleting.")
    return job_started(call, queue.enqueue(call.store, call.who, "domain.delete", ("domain", domain["guid"])))


def reservations(call: Call) -> Reply:
    """Whether there is a route at an address."""
    domain = _domain(call)
    port = call.parameter("port") or "0"
    if not port.isdigit():
        raise errors.bad_query("Port must be an integer")
    address = Address(call.parameter("host") or "", call.parameter("path") or "", int(port))
    return Reply(body={"matching_route": find(call.store, domain, address) is not None})


def show_shares(call: Call) -> Reply:
    """The organizations it is shared with."""
    return Reply(body=to_many(platform.shares(call, _domain(call)["guid"])))


def share(call: Call) -> Reply:
    """Share with further organizations."""
    domain = _changeable(call)
    if domain["organization_guid"] is None:
        raise errors.unprocessable(
            "Domains can not be shared with other organizations unless they are scoped to an organization."
        )
    body = Body(call.json(), ("data",))
    guids = body.data_guids()
    body.finish()
    for guid in guids:
        if call.store.find(t.organizations, guid) is None or not call.access.organization(guid, "read"):
            raise errors.unprocessable(
                f"Organization with guid '{guid}' does not exist, or you do not have access to it."
            )
        call.access.require_organization(guid, "write")
        if guid == domain["organization_guid"]:
            raise errors.unprocessable("Current domain is already owned by the organization.")
        call.store.link(t.domain_shares, domain_guid=domain["guid"], organization_guid=guid)
    return Reply(body=to_many(platform.shares(call, domain["guid"])))


def unshare(call: Call) -> Reply:
    """Share with one organization less."""
    domain = _domain(call)
    organization = call.params["organization"]
    if not (call.access.organization(organization, "write") or call.who.is_admin):
        raise errors.not_authorized()
    routed = sa.select(t.routes).join(t.spaces, t.spaces.c.guid == t.routes.c.space_guid)
    c = t.routes.c
    if call.store.first(routed.where(c.domain_guid == domain["guid"], t.spaces.c.organization_guid == organization)):
        raise errors.unprocessable(
            "This domain has associated routes in this organization. Delete the routes before unsharing."
        )
    shares = t.domain_shares.c
    gone = call.store.remove_where(
        t.domain_shares, shares.domain_guid == domain["guid"], shares.organization_guid == organization
    )
    if not gone:
        raise errors.unprocessable(
            f"Unable to unshare domain from organization with guid '{organization}'. Ensure the domain is shared to this organization."
        )
    return no_content()


_ONE = "/v3/domains/{guid}"
_SHARES = f"{_ONE}/relationships/shared_organizations"
ROUTES: list[Route] = [
    get("/v3/domains", index),
    post("/v3/domains", create),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    get(f"{_ONE}/route_reservations", reservations),
    get(_SHARES, show_shares),
    post(_SHARES, share),
    delete(f"{_SHARES}/{{organization}}", unshare),
]
