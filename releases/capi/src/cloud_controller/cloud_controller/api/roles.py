"""``/v3/roles``."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, flags
from cloud_controller.api import includes, lookup
from cloud_controller.api.listing import Included, Listing, answer, one
from cloud_controller.auth.access import within
from cloud_controller.auth.roles import ALL_ROLES, ORGANIZATION_ROLES, SPACE_ROLES
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body
from cloud_controller.presenters import organizations as bodies
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, post


def _spaces(call: Call, records: list[Record]) -> Included:
    return includes.spaces_of(call, [record for record in records if record["space_guid"]])


def _organizations(call: Call, records: list[Record]) -> Included:
    return includes.organizations_of(call, [record for record in records if not record["space_guid"]])


LISTING = Listing(
    "role",
    t.roles,
    bodies.roles,
    filters={
        "types": one_of(t.roles.c.type),
        "user_guids": one_of(t.roles.c.user_guid),
        "space_guids": one_of(t.roles.c.space_guid),
        "organization_guids": lambda values: sa.and_(
            t.roles.c.organization_guid.in_(values), t.roles.c.space_guid.is_(None)
        ),
    },
    includes={"user": includes.users_of, "space": _spaces, "organization": _organizations},
    labels=False,
)


def index(call: Call) -> Reply:
    """List: roles in organizations and spaces the caller sees."""
    spaces, organizations = call.access.readable_spaces(), call.access.readable_organizations()
    if organizations is None:
        return answer(call, LISTING)
    in_organizations = sa.and_(t.roles.c.space_guid.is_(None), *within(t.roles.c.organization_guid, organizations))
    in_spaces = sa.and_(t.roles.c.space_guid.is_not(None), *within(t.roles.c.space_guid, spaces))
    return answer(call, LISTING, sa.or_(in_organizations, in_spaces))


def _subject(call: Call, body: Body) -> tuple[str, str]:
    """guid and name of the user that the body names."""
    data = ((call.json().get("relationships") or {}).get("user") or {}).get("data") or {}
    if not isinstance(data, dict) or not ("guid" in data or "username" in data):
        body.note("Relationships User must have either a guid or username and origin")
    body.finish()
    if "username" in data:
        return _by_name(call, str(data["username"]), data.get("origin"))
    guid = str(data["guid"])
    if call.store.find(t.users, guid) is None:
        raise errors.unprocessable("Invalid user. Ensure that the user exists and you have access to it.")
    known = call.services.users.names([guid]).get(guid)
    return guid, known.username if known else guid


def _by_name(call: Call, username: str, origin: str | None) -> tuple[str, str]:
    flags.require(call.store, call.who, "set_roles_by_username")
    found = call.services.users.find(username, origin)
    if not found:
        with_origin = f" and origin '{origin}'" if origin else ""
        raise errors.unprocessable(f"No user exists with the username '{username}'{with_origin}.")
    if len(found) > 1:
        origins = ", ".join(f"'{user.origin}'" for user in found)
        raise errors.unprocessable(
            f"Ambiguous user. User with username '{username}' exists in the following origins: {origins}. Specify an origin to disambiguate."
        )
    user = found[0]
    if call.store.find(t.users, user.guid) is None:
        call.store.insert(t.users, guid=user.guid)
    return user.guid, username


def create(call: Call) -> Reply:
    """Give a role."""
    body = Body(call.json(), ("type", "relationships"))
    kind = str(body.choice("type", ALL_ROLES)) if body.has("type") else ""
    if kind not in ALL_ROLES:
        body.note("Type must be one of the allowed types " + str(list(ALL_ROLES)).replace("'", '"'))
    if kind in SPACE_ROLES:
        space = body.to_one("space")
        body.finish()
        return _create_in_space(call, body, kind, space)
    organization = body.to_one("organization")
    body.finish()
    return _create_in_organization(call, body, kind, organization)


def _create_in_space(call: Call, body: Body, kind: str, guid: str | None) -> Reply:
    space = call.store.find(t.spaces, guid)
    if space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    call.access.require_space(space, "update")
    user, name = _subject(call, body)
    in_organization = call.store.find_by(
        t.roles, user_guid=user, organization_guid=space["organization_guid"], space_guid=None
    )
    if in_organization is None:
        raise errors.unprocessable(
            "Users cannot be assigned roles in a space if they do not have a role in that space's organization."
        )
    if call.store.find_by(t.roles, user_guid=user, type=kind, space_guid=space["guid"]):
        raise errors.unprocessable(f"User '{name}' already has '{kind}' role in space '{space['name']}'.")
    made = call.store.insert(
        t.roles, type=kind, user_guid=user, organization_guid=space["organization_guid"], space_guid=space["guid"]
    )
    _record(call, f"audit.user.{kind}_add", user, name, space=space)
    return one(call, LISTING, made, 201)


def _create_in_organization(call: Call, body: Body, kind: str, guid: str | None) -> Reply:
    organization = call.store.find(t.organizations, guid)
    if organization is None or not call.access.organization(organization["guid"], "read"):
        raise errors.unprocessable(
            "Invalid organization. Ensure that the organization exists and you have access to it."
        )
    call.access.require_organization(organization["guid"], "write")
    user, name = _subject(call, body)
    if call.store.find_by(t.roles, user_guid=user, type=kind, organization_guid=organization["guid"], space_guid=None):
        raise errors.unprocessable(f"User '{name}' already has '{kind}' role in organization '{organization['name']}'.")
    made = call.store.insert(t.roles, type=kind, user_guid=user, organization_guid=organization["guid"])
    _record(call, f"audit.user.{kind}_add", user, name, organization_guid=organization["guid"])
    return one(call, LISTING, made, 201)


def _record(
    call: Call, kind: str, user: str, name: str, *, space: Record | None = None, organization_guid: str | None = None
) -> None:
    target = ("user", {"guid": user, "name": name})
    events.record(call.store, call.who, kind, target, space=space, organization_guid=organization_guid)


def _role(call: Call) -> Record:
    role = call.store.find(t.roles, call.params["guid"])
    space = call.store.find(t.spaces, role["space_guid"]) if role else None
    visible = role is not None and (
        call.access.space(space, "read") if space else call.access.organization(role["organization_guid"], "read")
    )
    if role is None or not visible:
        raise errors.not_found("Role")
    return role


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, _role(call))


def remove(call: Call) -> Reply:
    """Take a role away, as a job."""
    role = _role(call)
    if role["space_guid"]:
        lookup.space(call, role["space_guid"], "update")
    else:
        call.access.require_organization(role["organization_guid"], "write")
        _refuse_while_in_spaces(call, role)
    return job_started(call, queue.enqueue(call.store, call.who, "role.delete", ("role", role["guid"])))


def _refuse_while_in_spaces(call: Call, role: Record) -> None:
    c = t.roles.c
    mine = (c.user_guid == role["user_guid"], c.organization_guid == role["organization_guid"])
    others = sa.select(t.roles).where(
        *mine, c.space_guid.is_(None), c.guid != role["guid"], c.type.in_(ORGANIZATION_ROLES)
    )
    if call.store.first(others) is None and call.store.first(
        sa.select(t.roles).where(*mine, c.space_guid.is_not(None))
    ):
        raise errors.unprocessable(
            "Cannot delete organization_user role while user has roles in spaces in that organization."
        )


ROUTES: list[Route] = [
    get("/v3/roles", index),
    post("/v3/roles", create),
    get("/v3/roles/{guid}", show),
    delete("/v3/roles/{guid}", remove),
]
