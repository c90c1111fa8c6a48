"""``/v3/security_groups`` and ``/v3/isolation_segments``."""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.api import lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.filters import boolean, one_of
from cloud_controller.jobs import queue
from cloud_controller.messages import rules
from cloud_controller.messages.body import Body, given
from cloud_controller.presenters import organizations as org_bodies
from cloud_controller.presenters import platform as bodies
from cloud_controller.presenters.common import href, to_many
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

PHASES = ("running", "staging")


def _bound(phase: str) -> Any:
    table = t.security_group_spaces.c

    def condition(values: list[str]) -> sa.ColumnElement[bool]:
        return t.security_groups.c.guid.in_(
            sa.select(table.security_group_guid).where(table.phase == phase, table.space_guid.in_(values))
        )

    return condition


GROUPS = Listing(
    "security_group",
    t.security_groups,
    bodies.security_groups,
    filters={
        "names": one_of(t.security_groups.c.name),
        "globally_enabled_running": boolean(t.security_groups.c.running_default, "Globally enabled running"),
        "globally_enabled_staging": boolean(t.security_groups.c.staging_default, "Globally enabled staging"),
        "running_space_guids": _bound("running"),
        "staging_space_guids": _bound("staging"),
    },
    orders=("name",),
    labels=False,
)


def _visible(call: Call) -> list[sa.ColumnElement[bool]]:
    spaces = call.access.readable_spaces()
    if spaces is None:
        return []
    c, bound = t.security_groups.c, t.security_group_spaces.c
    mine = sa.select(bound.security_group_guid).where(bound.space_guid.in_(spaces))
    return [sa.or_(c.running_default.is_(True), c.staging_default.is_(True), c.guid.in_(mine))]


def index(call: Call) -> Reply:
    """List."""
    return answer(call, GROUPS, *_visible(call))


def _read(call: Call) -> tuple[Body, Record]:
    body = Body(call.json(), ("name", "globally_enabled", "rules", "relationships"))
    globally = body.inner("globally_enabled", PHASES)
    listed = body.items("rules")
    if isinstance(listed, list):
        for problem in rules.problems_of(listed):
            body.note(problem)
    values = given(rules=listed, running_default=globally.flag("running"), staging_default=globally.flag("staging"))
    return body, values


def create(call: Call) -> Reply:
    """Create."""
    call.access.require_admin()
    body, values = _read(call)
    name = body.name(limit=250)
    spaces = {phase: body.to_many(f"{phase}_spaces") for phase in PHASES}
    body.finish()
    _refuse_taken(call, name)
    made = call.store.insert(t.security_groups, name=name, **{"rules": [], **values})
    for phase, guids in spaces.items():
        _bind(call, made, phase, guids)
    return one(call, GROUPS, made, 201)


def _refuse_taken(call: Call, name: str) -> None:
    if call.store.find_by(t.security_groups, name=name):
        raise errors.unprocessable(f"Security group with name '{name}' already exists.")


def _group(call: Call) -> Record:
    found = call.store.first(
        sa.select(t.security_groups).where(t.security_groups.c.guid == call.params["guid"], *_visible(call))
    )
    if found is None:
        raise errors.not_found("Security group")
    return found


def show(call: Call) -> Reply:
    """Show."""
    return one(call, GROUPS, _group(call))


def update(call: Call) -> Reply:
    """Change; running apps learn of it with their next start."""
    group = _group(call)
    call.access.require_admin()
    body, values = _read(call)
    name = body.new_name(limit=250)
    body.finish()
    if isinstance(name, str) and name != group["name"]:
        _refuse_taken(call, name)
        values["name"] = name
    call.store.change(t.security_groups, group["guid"], **values)
    return show(call)


def remove(call: Call) -> Reply:
    """Delete, as a job."""
    group = _group(call)
    call.access.require_admin()
    return job_started(
        call, queue.enqueue(call.store, call.who, "security_group.delete", ("security_group", group["guid"]))
    )


def _bind(call: Call, group: Record, phase: str, guids: list[str]) -> None:
    for guid in guids:
        space = call.store.find(t.spaces, guid)
        if space is None or not call.access.space(space, "read"):
            raise errors.unprocessable(f"Spaces with guids ['{guid}'] do not exist, or you do not have access to them.")
        call.access.require_space(space, "update")
        call.store.link(t.security_group_spaces, security_group_guid=group["guid"], space_guid=guid, phase=phase)


def bind(phase: str, call: Call) -> Reply:
    """Let the apps or builds of spaces have it."""
    group = _group(call)
    body = Body(call.json(), ("data",))
    guids = body.data_guids()
    body.finish()
    _bind(call, group, phase, guids)
    shown = bodies.security_groups(call, [group])[0]["relationships"][f"{phase}_spaces"]
    links = {"self": href(call, f"security_groups/{group['guid']}/relationships/{phase}_spaces")}
    return Reply(body={**shown, "links": links})


def unbind(phase: str, call: Call) -> Reply:
    """Take it from a space."""
    group = _group(call)
    space = lookup.space(call, call.params["space"], "update")
    c = t.security_group_spaces.c
    same = (c.security_group_guid == group["guid"], c.space_guid == space["guid"], c.phase == phase)
    if not call.store.remove_where(t.security_group_spaces, *same):
        raise errors.unprocessable(
            f"Unable to unbind security group from space with guid '{space['guid']}'. Ensure the space is bound to this security group."
        )
    return no_content()


def _entitled(values: list[str]) -> sa.ColumnElement[bool]:
    links = t.isolation_segment_organizations.c
    return t.isolation_segments.c.guid.in_(
        sa.select(links.isolation_segment_guid).where(links.organization_guid.in_(values))
    )


SEGMENTS = Listing(
    "isolation_segment",
    t.isolation_segments,
    org_bodies.isolation_segments,
    filters={"names": one_of(t.isolation_segments.c.name), "organization_guids": _entitled},
    orders=("name",),
)


def _visible_segments(call: Call) -> list[sa.ColumnElement[bool]]:
    organizations = call.access.readable_organizations()
    if organizations is None:
        return []
    links = t.isolation_segment_organizations.c
    mine = sa.select(links.isolation_segment_guid).where(links.organization_guid.in_(organizations))
    return [t.isolation_segments.c.guid.in_(mine)]


def segments(call: Call) -> Reply:
    """List segments."""
    return answer(call, SEGMENTS, *_visible_segments(call))


def _segment(call: Call) -> Record:
    query = sa.select(t.isolation_segments).where(
        t.isolation_segments.c.guid == call.params["guid"], *_visible_segments(call)
    )
    found = call.store.first(query)
    if found is None:
        raise errors.not_found("Isolation segment")
    return found


def create_segment(call: Call) -> Reply:
    """Make a segment known."""
    call.access.require_admin()
    body = Body(call.json(), ("name", "metadata"))
    name, metadata = body.name(), body.metadata()
    body.finish()
    _refuse_taken_segment(call, name)
    made = call.store.insert(t.isolation_segments, name=name)
    labels.change(call.store, "isolation_segment", made["guid"], metadata)
    return one(call, SEGMENTS, made, 201)


def _refuse_taken_segment(call: Call, name: str) -> None:
    query = sa.select(t.isolation_segments).where(sa.func.lower(t.isolation_segments.c.name) == name.lower())
    if call.store.first(query):
        raise errors.unprocessable("Isolation Segment names are case insensitive and must be unique")


def show_segment(call: Call) -> Reply:
    """Show a segment."""
    return one(call, SEGMENTS, _segment(call))


def update_segment(call: Call) -> Reply:
    """Rename, label."""
    segment = _segment(call)
    call.access.require_admin()
    body = Body(call.json(), ("name", "metadata"))
    name, metadata = body.new_name(), body.metadata()
    body.finish()
    if isinstance(name, str) and name != segment["name"]:
        _refuse_taken_segment(call, name)
        call.store.change(t.isolation_segments, segment["guid"], name=name)
    labels.change(call.store, "isolation_segment", segment["guid"], metadata)
    return show_segment(call)


def remove_segment(call: Call) -> Reply:
    """Forget a segment that no organization may use."""
    segment = _segment(call)
    call.access.require_admin()
    if org_bodies.isolation_organizations(call, segment["guid"]):
        raise errors.unprocessable("Revoke the Organization entitlements for your Isolation Segment.")
    labels.forget(call.store, "isolation_segment", [segment["guid"]])
    call.store.remove(t.isolation_segments, segment["guid"])
    return no_content()


def segment_organizations(call: Call) -> Reply:
    """The organizations that may use it."""
    from cloud_controller.api.organizations import LISTING

    segment = _segment(call)
    guids = org_bodies.isolation_organizations(call, segment["guid"])
    return answer(
        call, LISTING, t.organizations.c.guid.in_(guids), *lookup.visible_organizations(call, t.organizations.c.guid)
    )


def segment_relationship(call: Call) -> Reply:
    """Their guids."""
    return Reply(body=_entitlements(call, _segment(call)))


def _entitlements(call: Call, segment: Record) -> Record:
    base = f"isolation_segments/{segment['guid']}"
    links = {"self": href(call, f"{base}/relationships/organizations"), "related": href(call, f"{base}/organizations")}
    return {**to_many(org_bodies.isolation_organizations(call, segment["guid"])), "links": links}


def entitle(call: Call) -> Reply:
    """Let organizations use it."""
    segment = _segment(call)
    call.access.require_admin()
    body = Body(call.json(), ("data",))
    guids = body.data_guids()
    body.finish()
    for guid in guids:
        if call.store.find(t.organizations, guid) is None:
            raise errors.unprocessable(
                f'Unable to entitle organizations ["{guid}"] for isolation segment. Ensure the organizations exist.'
            )
        call.store.link(
            t.isolation_segment_organizations, isolation_segment_guid=segment["guid"], organization_guid=guid
        )
    return Reply(body=_entitlements(call, segment))


def revoke(call: Call) -> Reply:
    """Let an organization use it no more."""
    segment = _segment(call)
    call.access.require_admin()
    organization = lookup.organization(call, call.params["organization"])
    in_use = organization["default_isolation_segment_guid"] == segment["guid"] or call.store.find_by(
        t.spaces, organization_guid=organization["guid"], isolation_segment_guid=segment["guid"]
    )
    if in_use:
        raise errors.unprocessable(
            "Cannot revoke entitlement while the organization or one of its spaces uses the isolation segment."
        )
    links = t.isolation_segment_organizations.c
    call.store.remove_where(
        t.isolation_segment_organizations,
        links.isolation_segment_guid == segment["guid"],
        links.organization_guid == organization["guid"],
    )
    return no_content()


_ONE, _SEGMENT = "/v3/security_groups/{guid}", "/v3/isolation_segments/{guid}"
ROUTES: list[Route] = [
    get("/v3/security_groups", index),
    post("/v3/security_groups", create),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    *(post(f"{_ONE}/relationships/{phase}_spaces", partial(bind, phase)) for phase in PHASES),
    *(delete(f"{_ONE}/relationships/{phase}_spaces/{{space}}", partial(unbind, phase)) for phase in PHASES),
    get("/v3/isolation_segments", segments),
    post("/v3/isolation_segments", create_segment),
    get(_SEGMENT, show_segment),
    patch(_SEGMENT, update_segment),
    delete(_SEGMENT, remove_segment),
    get(f"{_SEGMENT}/organizations", segment_organizations),
    get(f"{_SEGMENT}/relationships/organizations", segment_relationship),
    post(f"{_SEGMENT}/relationships/organizations", entitle),
    delete(f"{_SEGMENT}/relationships/organizations/{{organization}}", revoke),
]
