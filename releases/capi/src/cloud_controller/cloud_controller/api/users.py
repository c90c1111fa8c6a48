"""``/v3/users``."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.filters import one_of, split
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body
from cloud_controller.presenters import organizations as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, patch, post

USERS = Listing(
    "user",
    t.users,
    bodies.users,
    filters={"guids": one_of(t.users.c.guid)},
    extras=frozenset({"usernames", "partial_usernames", "origins"}),
)


def index(call: Call) -> Reply:
    """List: oneself and those in the caller's organizations and spaces."""
    conditions = list(_visible(call))
    if call.parameter("usernames") is not None:
        conditions.append(t.users.c.guid.in_(_named(call)))
    elif call.parameter("origins") is not None:
        raise errors.bad_query("Origins filter cannot be provided without usernames filter.")
    return answer(call, USERS, *conditions)


def _named(call: Call) -> list[str]:
    origins = split(call.parameter("origins") or "")
    names = split(call.parameter("usernames") or "")
    wanted: list[str | None] = [origin for origin in origins if origin] or [None]
    return [user.guid for name in names for origin in wanted for user in call.services.users.find(name, origin)]


def _visible(call: Call) -> list[sa.ColumnElement[bool]]:
    organizations = call.access.readable_organizations()
    if organizations is None:
        return []
    mates = sa.select(t.roles.c.user_guid).where(t.roles.c.organization_guid.in_(organizations))
    return [sa.or_(t.users.c.guid == call.who.guid, t.users.c.guid.in_(mates))]


def create(call: Call) -> Reply:
    """Make a user of UAA known here."""
    call.access.require_admin()
    body = Body(call.json(), ("guid", "username", "origin", "metadata"))
    metadata = body.metadata()
    guid = body.name("guid", limit=200) if body.has("guid") else _guid_of(call, body)
    body.finish()
    if call.store.find(t.users, guid):
        raise errors.unprocessable(f"User with guid '{guid}' already exists.")
    known = call.services.users.names([guid])
    made = call.store.insert(t.users, guid=guid, is_client=False if known else _looks_like_client(guid))
    labels.change(call.store, "user", guid, metadata)
    return one(call, USERS, made, 201)


def _looks_like_client(guid: str) -> bool:
    return len(guid) != 36


def _guid_of(call: Call, body: Body) -> str:
    username, origin = body.name("username"), body.name("origin")
    body.finish()
    found = call.services.users.find(username, origin)
    if not found:
        raise errors.unprocessable(f"User '{username}' with origin '{origin}' does not exist.")
    return found[0].guid


def _user(call: Call) -> Record:
    query = sa.select(t.users).where(t.users.c.guid == call.params["guid"], *_visible(call))
    found = call.store.first(query)
    if found is None:
        raise errors.not_found("User")
    return found


def show(call: Call) -> Reply:
    """Show."""
    return one(call, USERS, _user(call))


def update(call: Call) -> Reply:
    """Label."""
    user = _user(call)
    call.access.require_admin()
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "user", user["guid"], metadata)
    return one(call, USERS, user)


def remove(call: Call) -> Reply:
    """Forget the user and all roles, as a job."""
    user = _user(call)
    call.access.require_admin()
    return job_started(call, queue.enqueue(call.store, call.who, "user.delete", ("user", user["guid"])))


ROUTES: list[Route] = [
    get("/v3/users", index),
    post("/v3/users", create),
    get("/v3/users/{guid}", show),
    patch("/v3/users/{guid}", update),
    delete("/v3/users/{guid}", remove),
]
