"""``/v3/organization_quotas`` and ``/v3/space_quotas``."""

from __future__ import annotations

from typing import Any

from cloud_controller import errors
from cloud_controller.actions.quotas import EMPTY_LIMITS, ORGANIZATION_LIMITS
from cloud_controller.api import lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body
from cloud_controller.presenters import organizations as bodies
from cloud_controller.presenters.common import href, to_many
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post


def _organizations(values: list[str]) -> Any:
    o = t.organizations.c
    return t.organization_quotas.c.guid.in_(
        t.organizations.select().with_only_columns(o.quota_guid).where(o.guid.in_(values))
    )


def _spaces(values: list[str]) -> Any:
    s = t.spaces.c
    return t.space_quotas.c.guid.in_(t.spaces.select().with_only_columns(s.quota_guid).where(s.guid.in_(values)))


ORGANIZATION_QUOTAS = Listing(
    "organization_quota",
    t.organization_quotas,
    bodies.organization_quotas,
    filters={"names": one_of(t.organization_quotas.c.name), "organization_guids": _organizations},
    orders=("name",),
    labels=False,
)
SPACE_QUOTAS = Listing(
    "space_quota",
    t.space_quotas,
    bodies.space_quotas,
    filters={
        "names": one_of(t.space_quotas.c.name),
        "organization_guids": one_of(t.space_quotas.c.organization_guid),
        "space_guids": _spaces,
    },
    orders=("name",),
    labels=False,
)
_FIELDS = ("name", "apps", "services", "routes", "domains", "relationships")


def _limits(body: Body, known: Record) -> Record:
    """The limits after a request; what it does not name stays as it is."""
    return {part: _part(body, part, values) for part, values in known.items()}


def _part(body: Body, part: str, known: Record) -> Record:
    if not body.has(part):
        return known
    inner = body.inner(part, tuple(known))
    changed = dict(known)
    for name in known:
        value = inner.flag(name) if name == "paid_services_allowed" else inner.integer(name)
        if inner.has(name) and (value is None or isinstance(value, int)):
            changed[name] = value
    return changed


def index(call: Call) -> Reply:
    """List organization quotas."""
    organizations = call.access.readable_organizations()
    if organizations is None:
        return answer(call, ORGANIZATION_QUOTAS)
    o = t.organizations.c
    mine = t.organizations.select().with_only_columns(o.quota_guid).where(o.guid.in_(organizations))
    return answer(call, ORGANIZATION_QUOTAS, t.organization_quotas.c.guid.in_(mine))


def create(call: Call) -> Reply:
    """Create an organization quota."""
    call.access.require_admin()
    body = Body(call.json(), _FIELDS)
    name, limits, organizations = (
        body.name(limit=250),
        _limits(body, ORGANIZATION_LIMITS),
        body.to_many("organizations"),
    )
    body.finish()
    if call.store.find_by(t.organization_quotas, name=name):
        raise errors.unprocessable(f"Organization Quota '{name}' already exists.")
    made = call.store.insert(t.organization_quotas, name=name, limits=limits)
    _apply(call, made, organizations)
    return one(call, ORGANIZATION_QUOTAS, made, 201)


def _apply(call: Call, quota: Record, organizations: list[str]) -> None:
    unknown = [guid for guid in organizations if call.store.find(t.organizations, guid) is None]
    if unknown:
        raise errors.unprocessable(
            f"Organizations with guids {unknown} do not exist, or you do not have access to them.".replace("'", '"')
        )
    for guid in organizations:
        call.store.change(t.organizations, guid, quota_guid=quota["guid"])


def _quota(call: Call) -> Record:
    found = call.store.find(t.organization_quotas, call.params["guid"])
    if found is None:
        raise errors.not_found("Organization quota")
    return found


def show(call: Call) -> Reply:
    """Show an organization quota."""
    return one(call, ORGANIZATION_QUOTAS, _quota(call))


def update(call: Call) -> Reply:
    """Change an organization quota."""
    quota = _quota(call)
    call.access.require_admin()
    body = Body(call.json(), _FIELDS)
    name, limits = body.new_name(limit=250), _limits(body, quota["limits"])
    body.finish()
    if isinstance(name, str) and name != quota["name"] and call.store.find_by(t.organization_quotas, name=name):
        raise errors.unprocessable(f"Organization Quota '{name}' already exists.")
    call.store.change(
        t.organization_quotas, quota["guid"], limits=limits, **({"name": name} if isinstance(name, str) else {})
    )
    return show(call)


def assign(call: Call) -> Reply:
    """Give it to organizations."""
    quota = _quota(call)
    call.access.require_admin()
    body = Body(call.json(), ("data",))
    organizations = body.data_guids()
    body.finish()
    _apply(call, quota, organizations)
    shown = bodies.organization_quotas(call, [quota])[0]["relationships"]["organizations"]
    links = {"self": href(call, f"organization_quotas/{quota['guid']}/relationships/organizations")}
    return Reply(201, {**shown, "links": links})


def remove(call: Call) -> Reply:
    """Delete, as a job."""
    quota = _quota(call)
    call.access.require_admin()
    return job_started(
        call, queue.enqueue(call.store, call.who, "organization_quota.delete", ("organization_quota", quota["guid"]))
    )


def space_index(call: Call) -> Reply:
    """List space quotas: those of organizations one manages, and of one's spaces."""
    spaces = call.access.readable_spaces()
    if spaces is None:
        return answer(call, SPACE_QUOTAS)
    managed = (
        t.roles.select()
        .with_only_columns(t.roles.c.organization_guid)
        .where(t.roles.c.user_guid == call.who.guid, t.roles.c.type == "organization_manager")
    )
    mine = t.spaces.select().with_only_columns(t.spaces.c.quota_guid).where(t.spaces.c.guid.in_(spaces))
    c = t.space_quotas.c
    return answer(call, SPACE_QUOTAS, c.organization_guid.in_(managed) | c.guid.in_(mine))


def create_for_spaces(call: Call) -> Reply:
    """Create a space quota."""
    body = Body(call.json(), _FIELDS)
    name, limits, organization = body.name(limit=250), _limits(body, EMPTY_LIMITS), body.to_one("organization")
    spaces = body.to_many("spaces")
    body.finish()
    found = call.store.find(t.organizations, organization)
    if found is None or not call.access.organization(found["guid"], "read"):
        raise errors.unprocessable(
            f"Organization with guid '{organization}' does not exist, or you do not have access to it."
        )
    call.access.require_organization(found["guid"], "write")
    if call.store.find_by(t.space_quotas, organization_guid=found["guid"], name=name):
        raise errors.unprocessable(f"Space Quota '{name}' already exists.")
    made = call.store.insert(t.space_quotas, name=name, limits=limits, organization_guid=found["guid"])
    _apply_to_spaces(call, made, spaces)
    return one(call, SPACE_QUOTAS, made, 201)


def _apply_to_spaces(call: Call, quota: Record, guids: list[str]) -> None:
    for guid in guids:
        space = call.store.find(t.spaces, guid)
        if space is None or space["organization_guid"] != quota["organization_guid"]:
            raise errors.unprocessable(
                f'Spaces with guids ["{guid}"] do not exist within the organization specified, or you do not have access to them.'
            )
        call.store.change(t.spaces, guid, quota_guid=quota["guid"])


def _space_quota(call: Call, deed: str = "read") -> Record:
    found = call.store.find(t.space_quotas, call.params["guid"])
    if found is None or not call.access.organization(found["organization_guid"], "read"):
        raise errors.not_found("Space quota")
    if deed != "read":
        call.access.require_organization(found["organization_guid"], deed)
    return found


def show_for_spaces(call: Call) -> Reply:
    """Show a space quota."""
    return one(call, SPACE_QUOTAS, _space_quota(call))


def update_for_spaces(call: Call) -> Reply:
    """Change a space quota."""
    quota = _space_quota(call, "write")
    body = Body(call.json(), _FIELDS)
    name, limits = body.new_name(limit=250), _limits(body, quota["limits"])
    body.finish()
    same = (
        call.store.find_by(t.space_quotas, organization_guid=quota["organization_guid"], name=name)
        if isinstance(name, str)
        else None
    )
    if same and same["guid"] != quota["guid"]:
        raise errors.unprocessable(f"Space Quota '{name}' already exists.")
    call.store.change(t.space_quotas, quota["guid"], limits=limits, **({"name": name} if isinstance(name, str) else {}))
    return show_for_spaces(call)


def assign_to_spaces(call: Call) -> Reply:
    """Give it to spaces."""
    quota = _space_quota(call, "write")
    body = Body(call.json(), ("data",))
    guids = body.data_guids()
    body.finish()
    _apply_to_spaces(call, quota, guids)
    rows = call.store.rows(t.spaces.select().where(t.spaces.c.quota_guid == quota["guid"]))
    links = {"self": href(call, f"space_quotas/{quota['guid']}/relationships/spaces")}
    return Reply(201, {**to_many(row["guid"] for row in rows), "links": links})


def take_from_space(call: Call) -> Reply:
    """Take it from a space."""
    quota = _space_quota(call, "write")
    space = lookup.space(call, call.params["space"])
    if space["quota_guid"] != quota["guid"]:
        raise errors.unprocessable(
            f"Unable to remove quota from space with guid '{space['guid']}'. Ensure the space quota is applied to this space."
        )
    call.store.change(t.spaces, space["guid"], quota_guid=None)
    return no_content()


def remove_for_spaces(call: Call) -> Reply:
    """Delete, as a job."""
    quota = _space_quota(call, "write")
    return job_started(call, queue.enqueue(call.store, call.who, "space_quota.delete", ("space_quota", quota["guid"])))


_ORG, _SPACE = "/v3/organization_quotas", "/v3/space_quotas"
ROUTES: list[Route] = [
    get(_ORG, index),
    post(_ORG, create),
    get(f"{_ORG}/{{guid}}", show),
    patch(f"{_ORG}/{{guid}}", update),
    delete(f"{_ORG}/{{guid}}", remove),
    post(f"{_ORG}/{{guid}}/relationships/organizations", assign),
    get(_SPACE, space_index),
    post(_SPACE, create_for_spaces),
    get(f"{_SPACE}/{{guid}}", show_for_spaces),
    patch(f"{_SPACE}/{{guid}}", update_for_spaces),
    delete(f"{_SPACE}/{{guid}}", remove_for_spaces),
    post(f"{_SPACE}/{{guid}}/relationships/spaces", assign_to_spaces),
    delete(f"{_SPACE}/{{guid}}/relationships/spaces/{{space}}", take_from_space),
]
