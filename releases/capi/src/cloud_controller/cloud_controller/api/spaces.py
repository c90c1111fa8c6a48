"""``/v3/spaces`` without manifests."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events
from cloud_controller.api import includes, lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.api.root import summary
from cloud_controller.api.security_groups import GROUPS
from cloud_controller.api.users import USERS
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body
from cloud_controller.presenters import organizations as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, patch, post

LISTING = Listing(
    "space",
    t.spaces,
    bodies.spaces,
    filters={"names": one_of(t.spaces.c.name), "organization_guids": one_of(t.spaces.c.organization_guid)},
    orders=("name",),
    includes={"org": includes.organizations_of, "organization": includes.organizations_of},
)


def index(call: Call) -> Reply:
    """List."""
    return answer(call, LISTING, *lookup.visible_in_space(call, t.spaces.c.guid))


def create(call: Call) -> Reply:
    """Create."""
    body = Body(call.json(), ("name", "relationships", "metadata"))
    name, guid, metadata = body.name(), body.to_one("organization"), body.metadata()
    body.finish()
    organization = call.store.find(t.organizations, guid)
    if organization is None or not call.access.organization(organization["guid"], "read"):
        raise errors.unprocessable("Invalid organization. Ensure the organization exists and you have access to it.")
    call.access.require_organization(organization["guid"], "write")
    _refuse_taken(call, organization["guid"], name)
    made = call.store.insert(t.spaces, name=name, organization_guid=organization["guid"])
    labels.change(call.store, "space", made["guid"], metadata)
    events.record(call.store, call.who, "audit.space.create", ("space", made), space=made)
    return one(call, LISTING, made, 201)


def _refuse_taken(call: Call, organization_guid: str, name: str) -> None:
    if call.store.find_by(t.spaces, organization_guid=organization_guid, name=name):
        raise errors.unprocessable("Name must be unique per organization")


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, lookup.space(call))


def update(call: Call) -> Reply:
    """Rename, label."""
    space = lookup.space(call, deed="update")
    body = Body(call.json(), ("name", "metadata"))
    name, metadata = body.new_name(), body.metadata()
    body.finish()
    if isinstance(name, str) and name != space["name"]:
        _refuse_taken(call, space["organization_guid"], name)
        call.store.change(t.spaces, space["guid"], name=name)
    labels.change(call.store, "space", space["guid"], metadata)
    space = lookup.space(call)
    events.record(call.store, call.who, "audit.space.update", ("space", space), space=space)
    return one(call, LISTING, space)


def remove(call: Call) -> Reply:
    """Delete with everything in it, as a job."""
    space = lookup.space(call)
    call.access.require_organization(space["organization_guid"], "write")
    return job_started(call, queue.enqueue(call.store, call.who, "space.delete", ("space", space["guid"])))


def remove_unmapped_routes(call: Call) -> Reply:
    """Delete the routes that lead nowhere, as a job."""
    space = lookup.space(call, deed="manage_routes")
    if call.parameter("unmapped") != "true":
        raise errors.unprocessable(
            "Mass delete not supported for mapped routes. Use 'unmapped=true' parameter to delete all unmapped routes."
        )
    return job_started(
        call, queue.enqueue(call.store, call.who, "space.delete_unmapped_routes", ("space", space["guid"]))
    )


def features(call: Call) -> Reply:
    """All features."""
    space = lookup.space(call)
    return Reply(body={"resources": [_ssh(space)]})


def _ssh(space: Record) -> Record:
    return {"name": "ssh", "description": "Enable SSHing into apps in the space.", "enabled": space["allow_ssh"]}


def show_feature(call: Call) -> Reply:
    """One feature: there is ssh."""
    space = lookup.space(call)
    if call.params["name"] != "ssh":
        raise errors.not_found("Feature")
    return Reply(body=_ssh(space))


def update_feature(call: Call) -> Reply:
    """Switch it."""
    space = lookup.space(call, deed="update")
    if call.params["name"] != "ssh":
        raise errors.not_found("Feature")
    body = Body(call.json(), ("enabled",))
    enabled = body.flag("enabled")
    if not body.has("enabled"):
        body.note("Enabled must be a boolean")
    body.finish()
    call.store.change(t.spaces, space["guid"], allow_ssh=enabled)
    return Reply(body=_ssh(lookup.space(call)))


def users(call: Call) -> Reply:
    """Everybody with a role in it."""
    space = lookup.space(call)
    return answer(
        call, USERS, t.users.c.guid.in_(sa.select(t.roles.c.user_guid).where(t.roles.c.space_guid == space["guid"]))
    )


def usage(call: Call) -> Reply:
    """What runs in it."""
    space = lookup.space(call)
    link = {"self": {"href": f"{call.config.url}{call.path}"}}
    return Reply(body={"usage_summary": summary(call, t.spaces.c.guid == space["guid"]), "links": link})


def running_groups(call: Call) -> Reply:
    """The security groups of its apps."""
    return _groups(call, "running")


def staging_groups(call: Call) -> Reply:
    """The security groups of its builds."""
    return _groups(call, "staging")


def _groups(call: Call, phase: str) -> Reply:
    space = lookup.space(call)
    bound = sa.select(t.security_group_spaces.c.security_group_guid).where(
        t.security_group_spaces.c.space_guid == space["guid"], t.security_group_spaces.c.phase == phase
    )
    c = t.security_groups.c
    return answer(call, GROUPS, sa.or_(c[f"{phase}_default"].is_(True), c.guid.in_(bound)))


def _segment_body(call: Call, space: Record) -> Record:
    guid = space["isolation_segment_guid"]
    links = {"self": {"href": f"{call.config.url}/v3/spaces/{space['guid']}/relationships/isolation_segment"}}
    if guid:
        links["related"] = {"href": f"{call.config.url}/v3/isolation_segments/{guid}"}
    return {"data": {"guid": guid} if guid else None, "links": links}


def show_segment(call: Call) -> Reply:
    """Its isolation segment."""
    return Reply(body=_segment_body(call, lookup.space(call)))


def assign_segment(call: Call) -> Reply:
    """Say which; null for none."""
    space = lookup.space(call)
    call.access.require_organization(space["organization_guid"], "write")
    body = Body(call.json(), ("data",))
    guid = body.data_guid()
    body.finish()
    if guid and not call.store.find_by(
        t.isolation_segment_organizations, isolation_segment_guid=guid, organization_guid=space["organization_guid"]
    ):
        raise errors.unprocessable(
            f"Unable to assign isolation segment with guid '{guid}'. Ensure it has been entitled to the organization that this space belongs to."
        )
    call.store.change(t.spaces, space["guid"], isolation_segment_guid=guid)
    return Reply(body=_segment_body(call, lookup.space(call)))


_ONE = "/v3/spaces/{guid}"
ROUTES: list[Route] = [
    get("/v3/spaces", index),
    post("/v3/spaces", create),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    delete(f"{_ONE}/routes", remove_unmapped_routes),
    get(f"{_ONE}/features", features),
    get(f"{_ONE}/features/{{name}}", show_feature),
    patch(f"{_ONE}/features/{{name}}", update_feature),
    get(f"{_ONE}/users", users),
    get(f"{_ONE}/usage_summary", usage),
    get(f"{_ONE}/running_security_groups", running_groups),
    get(f"{_ONE}/staging_security_groups", staging_groups),
    get(f"{_ONE}/relationships/isolation_segment", show_segment),
    patch(f"{_ONE}/relationships/isolation_segment", assign_segment),
]
