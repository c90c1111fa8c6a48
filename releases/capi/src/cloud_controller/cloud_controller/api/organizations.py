"""``/v3/organizations``."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, flags
from cloud_controller.actions import routes as route_actions
from cloud_controller.api import lookup
from cloud_controller.api.domains import DOMAINS
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.api.root import summary
from cloud_controller.api.users import USERS
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body, given
from cloud_controller.presenters import organizations as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, patch, post

DEFAULT_QUOTA = "default"


def _isolation(values: list[str]) -> sa.ColumnElement[bool]:
    links = t.isolation_segment_organizations
    return t.organizations.c.guid.in_(
        sa.select(links.c.organization_guid).where(links.c.isolation_segment_guid.in_(values))
    )


LISTING = Listing(
    "organization",
    t.organizations,
    bodies.organizations,
    filters={"names": one_of(t.organizations.c.name), "isolation_segment_guids": _isolation},
    orders=("name",),
)


def index(call: Call) -> Reply:
    """List."""
    return answer(call, LISTING, *lookup.visible_organizations(call, t.organizations.c.guid))


def create(call: Call) -> Reply:
    """Create; whoever does so by the flag becomes its manager."""
    body = Body(call.json(), ("name", "suspended", "metadata"))
    name, suspended, metadata = body.name(), body.flag("suspended"), body.metadata()
    if not call.who.is_admin and not flags.enabled(call.store, "user_org_creation"):
        raise errors.not_authorized()
    body.finish()
    if suspended is True:
        call.access.require_admin()
    _refuse_taken(call, name)
    quota = call.store.find_by(t.organization_quotas, name=DEFAULT_QUOTA)
    if quota is None:
        raise errors.server_error("There is no default quota.")
    made = call.store.insert(t.organizations, name=name, quota_guid=quota["guid"], **given(suspended=suspended))
    labels.change(call.store, "organization", made["guid"], metadata)
    if not call.who.is_admin:
        for role in ("organization_user", "organization_manager"):
            call.store.insert(t.roles, type=role, user_guid=call.who.guid, organization_guid=made["guid"])
    _record(call, "audit.organization.create", made)
    return one(call, LISTING, made, 201)


def _record(call: Call, kind: str, organization: Record) -> None:
    events.record(call.store, call.who, kind, ("organization", organization), organization_guid=organization["guid"])


def _refuse_taken(call: Call, name: str) -> None:
    query = sa.select(t.organizations).where(sa.func.lower(t.organizations.c.name) == name.lower())
    if call.store.first(query):
        raise errors.unprocessable(f"Organization '{name}' already exists.")


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, lookup.organization(call))


def update(call: Call) -> Reply:
    """Rename, suspend, label."""
    organization = lookup.organization(call)
    body = Body(call.json(), ("name", "suspended", "metadata"))
    name, suspended, metadata = body.new_name(), body.flag("suspended"), body.metadata()
    if body.has("suspended"):
        call.access.require_admin()
    call.access.require_organization(organization["guid"], "write")
    body.finish()
    if isinstance(name, str) and name.lower() != organization["name"].lower():
        _refuse_taken(call, name)
    call.store.change(t.organizations, organization["guid"], **given(name=name, suspended=suspended))
    labels.change(call.store, "organization", organization["guid"], metadata)
    organization = lookup.organization(call)
    _record(call, "audit.organization.update", organization)
    return one(call, LISTING, organization)


def remove(call: Call) -> Reply:
    """Delete with everything in it, as a job."""
    organization = lookup.organization(call)
    call.access.require_admin()
    return job_started(
        call, queue.enqueue(call.store, call.who, "organization.delete", ("organization", organization["guid"]))
    )


def domains(call: Call) -> Reply:
    """The domains its spaces may use."""
    organization = lookup.organization(call)
    shared = sa.select(t.domain_shares.c.domain_guid).where(t.domain_shares.c.organization_guid == organization["guid"])
    c = t.domains.c
    usable = sa.or_(c.organization_guid.is_(None), c.organization_guid == organization["guid"], c.guid.in_(shared))
    return answer(call, DOMAINS, usable)


def default_domain(call: Call) -> Reply:
    """The domain for routes that name none."""
    organization = lookup.organization(call)
    found = route_actions.default_domain(call.store, organization["guid"])
    if found is None:
        raise errors.not_found("Domain")
    return one(call, DOMAINS, found)


def users(call: Call) -> Reply:
    """Everybody with a role in it."""
    organization = lookup.organization(call)
    members = sa.select(t.roles.c.user_guid).where(t.roles.c.organization_guid == organization["guid"])
    return answer(call, USERS, t.users.c.guid.in_(members))


def usage(call: Call) -> Reply:
    """What runs in it."""
    organization = lookup.organization(call)
    link = {"self": {"href": f"{call.config.url}{call.path}"}}
    return Reply(
        body={"usage_summary": summary(call, t.spaces.c.organization_guid == organization["guid"]), "links": link}
    )


def show_segment(call: Call) -> Reply:
    """The isolation segment its spaces use unless they say otherwise."""
    organization = lookup.organization(call)
    return Reply(body=_segment_body(call, organization))


def _segment_body(call: Call, organization: Record) -> Record:
    guid = organization["default_isolation_segment_guid"]
    path = f"{call.config.url}/v3/organizations/{organization['guid']}/relationships/default_isolation_segment"
    links = {"self": {"href": path}}
    if guid:
        links["related"] = {"href": f"{call.config.url}/v3/isolation_segments/{guid}"}
    return {"data": {"guid": guid} if guid else None, "links": links}


def assign_segment(call: Call) -> Reply:
    """Say which; null for none."""
    organization = lookup.organization(call, deed="write")
    body = Body(call.json(), ("data",))
    guid = body.data_guid()
    body.finish()
    if guid and not call.store.find_by(
        t.isolation_segment_organizations, isolation_segment_guid=guid, organization_guid=organization["guid"]
    ):
        raise errors.unprocessable(
            f"Unable to assign isolation segment with guid '{guid}'. Ensure it has been entitled to the organization."
        )
    call.store.change(t.organizations, organization["guid"], default_isolation_segment_guid=guid)
    return Reply(body=_segment_body(call, lookup.organization(call)))


_BASE = "/v3/organizations"
_ONE = "/v3/organizations/{guid}"
ROUTES: list[Route] = [
    get(_BASE, index),
    post(_BASE, create),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    get(f"{_ONE}/domains", domains),
    get(f"{_ONE}/domains/default", default_domain),
    get(f"{_ONE}/users", users),
    get(f"{_ONE}/usage_summary", usage),
    get(f"{_ONE}/relationships/default_isolation_segment", show_segment),
    patch(f"{_ONE}/relationships/default_isolation_segment", assign_segment),
]
