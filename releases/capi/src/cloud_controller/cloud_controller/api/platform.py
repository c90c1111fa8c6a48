"""Stacks, buildpacks, feature flags, environment variable groups, jobs, events."""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import flags
from cloud_controller.api import lookup
from cloud_controller.api.apps import LISTING as APPS
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.blobstore import bits
from cloud_controller.blobstore import contract as blobs
from cloud_controller.clock import stamp
from cloud_controller.filters import one_of
from cloud_controller.jobs import queue
from cloud_controller.messages import apps as messages
from cloud_controller.messages.body import Body, given, or_else
from cloud_controller.presenters import platform as bodies
from cloud_controller.presenters.common import href
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

STACK_STATES = ("ACTIVE", "RESTRICTED", "DEPRECATED", "DISABLED")


def _default(call: Call) -> list[sa.ColumnElement[bool]]:
    asked = call.parameter("default")
    same = t.stacks.c.name == call.config.defaults.stack
    return [] if asked is None else [same if asked == "true" else sa.not_(same)]


STACKS = Listing(
    "stack",
    t.stacks,
    bodies.stacks,
    filters={"names": one_of(t.stacks.c.name)},
    orders=("name",),
    extras=frozenset({"default"}),
)


def stacks(call: Call) -> Reply:
    """List stacks."""
    return answer(call, STACKS, *_default(call))


def create_stack(call: Call) -> Reply:
    """Make a stack known."""
    call.access.require_admin()
    body = Body(call.json(), ("name", "description", "state", "state_reason", "metadata"))
    name, description = body.name(limit=250), or_else(body.text("description", limit=250), "")
    state, reason, metadata = (
        or_else(body.choice("state", STACK_STATES), "ACTIVE"),
        or_else(body.text("state_reason"), ""),
        body.metadata(),
    )
    body.finish()
    if call.store.find_by(t.stacks, name=name):
        raise errors.unprocessable("Name must be unique")
    made = call.store.insert(t.stacks, name=name, description=description, state=state, state_reason=reason or None)
    labels.change(call.store, "stack", made["guid"], metadata)
    return one(call, STACKS, made, 201)


def show_stack(call: Call) -> Reply:
    """Show a stack."""
    return one(call, STACKS, lookup.anybody(call, t.stacks, "Stack"))


def update_stack(call: Call) -> Reply:
    """Label a stack, retire it."""
    stack = lookup.by_admin(call, t.stacks, "Stack")
    body = Body(call.json(), ("state", "state_reason", "metadata"))
    changes, metadata = (
        given(state=body.choice("state", STACK_STATES), state_reason=body.text("state_reason")),
        body.metadata(),
    )
    body.finish()
    call.store.change(t.stacks, stack["guid"], **changes)
    labels.change(call.store, "stack", stack["guid"], metadata)
    return show_stack(call)


def remove_stack(call: Call) -> Reply:
    """Forget a stack that no app uses."""
    stack = lookup.by_admin(call, t.stacks, "Stack")
    if call.store.find_by(t.apps, stack=stack["name"]):
        raise errors.unprocessable(f"Cannot delete stack '{stack['name']}' because apps are currently using the stack.")
    labels.forget(call.store, "stack", [stack["guid"]])
    call.store.remove(t.stacks, stack["guid"])
    return no_content()


def apps_on_stack(call: Call) -> Reply:
    """The apps on a stack."""
    stack = lookup.anybody(call, t.stacks, "Stack")
    return answer(call, APPS, t.apps.c.stack == stack["name"], *lookup.visible_in_space(call, t.apps.c.space_guid))


BUILDPACKS = Listing(
    "buildpack",
    t.buildpacks,
    bodies.buildpacks,
    filters={
        "names": one_of(t.buildpacks.c.name),
        "stacks": one_of(t.buildpacks.c.stack),
        "lifecycle": one_of(t.buildpacks.c.lifecycle),
    },
    orders=("position", "lifecycle", "name"),
    default_order="position",
)


def buildpacks(call: Call) -> Reply:
    """List buildpacks."""
    return answer(call, BUILDPACKS)


def _refuse_taken_buildpack(store: Store, name: Any, stack: str | None, own: str = "") -> None:
    same = store.find_by(t.buildpacks, name=name, stack=stack)
    if same and same["guid"] != own:
        where = f"stack '{stack}'" if stack else "an unassigned stack"
        raise errors.unprocessable(f"Buildpack with name '{name}' and {where} already exists")


def create_buildpack(call: Call) -> Reply:
    """Announce a buildpack; its file comes next."""
    call.access.require_admin()
    body = Body(call.json(), ("name", "stack", "position", "enabled", "locked", "lifecycle", "metadata"))
    name, stack = body.name(limit=250), or_else(body.text("stack"), "") or None
    position = or_else(body.integer("position", minimum=1), 1)
    switches = given(enabled=body.flag("enabled"), locked=body.flag("locked"))
    lifecycle, metadata = or_else(body.choice("lifecycle", ("buildpack", "cnb")), "buildpack"), body.metadata()
    body.finish()
    if stack and not call.store.find_by(t.stacks, name=stack):
        raise errors.unprocessable(f"Stack '{stack}' does not exist")
    _refuse_taken_buildpack(call.store, name, stack)
    made = call.store.insert(
        t.buildpacks, name=name, stack=stack, lifecycle=lifecycle, state="AWAITING_UPLOAD", position=0, **switches
    )
    move(call.store, made, position)
    labels.change(call.store, "buildpack", made["guid"], metadata)
    return one(call, BUILDPACKS, call.store.find(t.buildpacks, made["guid"]) or made, 201)


def move(store: Store, buildpack: Record, position: int) -> None:
    """Put a buildpack at a place; the others close up behind and before it."""
    c = t.buildpacks.c
    query = (
        sa.select(c.guid)
        .where(c.lifecycle == buildpack["lifecycle"], c.guid != buildpack["guid"])
        .order_by(c.position, c.id)
    )
    order = store.column(query)
    order.insert(min(max(position, 1), len(order) + 1) - 1, buildpack["guid"])
    for number, guid in enumerate(order, 1):
        store.change_where(t.buildpacks, c.guid == guid, c.position != number, position=number)


def show_buildpack(call: Call) -> Reply:
    """Show a buildpack."""
    return one(call, BUILDPACKS, lookup.anybody(call, t.buildpacks, "Buildpack"))


def update_buildpack(call: Call) -> Reply:
    """Change a buildpack."""
    buildpack = lookup.by_admin(call, t.buildpacks, "Buildpack")
    body = Body(call.json(), ("name", "stack", "position", "enabled", "locked", "metadata"))
    changes = given(
        name=body.new_name(limit=250),
        stack=body.text("stack"),
        enabled=body.flag("enabled"),
        locked=body.flag("locked"),
    )
    position, metadata = body.integer("position", minimum=1), body.metadata()
    body.finish()
    if changes.get("stack") and buildpack["stack"] and changes["stack"] != buildpack["stack"]:
        raise errors.unprocessable("Buildpack stack cannot be changed")
    _refuse_taken_buildpack(
        call.store, changes.get("name", buildpack["name"]), changes.get("stack", buildpack["stack"]), buildpack["guid"]
    )
    call.store.change(t.buildpacks, buildpack["guid"], **changes)
    if isinstance(position, int):
        move(call.store, buildpack, position)
    labels.change(call.store, "buildpack", buildpack["guid"], metadata)
    return show_buildpack(call)


def upload_buildpack(call: Call) -> Reply:
    """Receive a buildpack's file."""
    buildpack = lookup.by_admin(call, t.buildpacks, "Buildpack")
    path = call.upload.files.get("bits") if call.upload else None
    if path is None or call.upload is None:
        raise errors.unprocessable("Upload must include bits")
    if buildpack["locked"]:
        raise errors.unprocessable("Buildpack is locked")
    digest = bits.sha256(path)
    key = f"{buildpack['guid']}_{digest}"
    call.services.blobs.put(blobs.BUILDPACKS, key, path)
    old = buildpack["blob_key"]
    if old and old != key:
        call.store.later("delete_blob", old, blobs.BUILDPACKS)
    name = call.upload.fields.get("bits_name") or f"{buildpack['name']}.zip"
    call.store.change(t.buildpacks, buildpack["guid"], state="READY", filename=name, sha256=digest, blob_key=key)
    job = queue.enqueue(call.store, call.who, "buildpack.upload", ("buildpack", buildpack["guid"]))
    return job_started(call, job, bodies.buildpacks(call, [lookup.anybody(call, t.buildpacks, "Buildpack")])[0])


def remove_buildpack(call: Call) -> Reply:
    """Delete, as a job."""
    buildpack = lookup.by_admin(call, t.buildpacks, "Buildpack")
    return job_started(call, queue.enqueue(call.store, call.who, "buildpack.delete", ("buildpack", buildpack["guid"])))


def clear_caches(call: Call) -> Reply:
    """The next builds of all apps start without what earlier ones kept, as a job."""
    call.access.require_admin()
    return job_started(call, queue.enqueue(call.store, call.who, "admin.clear_buildpack_cache", ("", "")))


def _flag(call: Call, name: str, row: Record | None) -> Record:
    return {
        "name": name,
        "enabled": row["enabled"] if row else flags.DEFAULTS[name],
        "updated_at": stamp(row["updated_at"]) if row else None,
        "custom_error_message": row["custom_error_message"] if row else None,
        "links": {"self": href(call, f"feature_flags/{name}")},
    }


def feature_flags(call: Call) -> Reply:
    """List feature flags: a fixed set on one page."""
    rows = flags.overrides(call.store)
    resources = [_flag(call, name, rows.get(name)) for name in sorted(flags.DEFAULTS)]
    here = f"{call.config.url}{call.path}?page=1&per_page=50"
    pages = {"total_results": len(resources), "total_pages": 1, "first": {"href": here}, "last": {"href": here}}
    return Reply(body={"pagination": {**pages, "next": None, "previous": None}, "resources": resources})


def show_flag(call: Call) -> Reply:
    """Show a flag."""
    name = call.params["name"]
    if name not in flags.DEFAULTS:
        raise errors.not_found("Feature flag")
    return Reply(body=_flag(call, name, flags.overrides(call.store).get(name)))


def update_flag(call: Call) -> Reply:
    """Switch a flag."""
    name = call.params["name"]
    if name not in flags.DEFAULTS:
        raise errors.not_found("Feature flag")
    call.access.require_admin()
    body = Body(call.json(), ("enabled", "custom_error_message"))
    values = given(enabled=body.flag("enabled"), custom_error_message=body.text("custom_error_message", limit=250))
    body.finish()
    now = call.store.now()
    if not call.store.change_where(t.feature_flags, t.feature_flags.c.name == name, **values):
        row = {"name": name, "enabled": flags.DEFAULTS[name], "updated_at": now, **values}
        call.store.connection.execute(sa.insert(t.feature_flags).values(**row))
    return show_flag(call)


GROUPS = ("running", "staging")


def _group(call: Call) -> Record | None:
    name = call.params["name"]
    if name not in GROUPS:
        raise errors.not_found("Environment variable group")
    return call.store.first(t.environment_groups.select().where(t.environment_groups.c.name == name))


def show_group(call: Call) -> Reply:
    """Variables that all apps or all builds get."""
    row, name = _group(call), call.params["name"]
    variables = call.store.vault.open_map(row["environment_sealed"]) if row else {}
    links = {"self": href(call, f"environment_variable_groups/{name}")}
    return Reply(body={"updated_at": bodies.stamp_or_none(row), "name": name, "var": variables, "links": links})


def update_group(call: Call) -> Reply:
    """Set and (with null) remove some."""
    row, name = _group(call), call.params["name"]
    call.access.require_admin()
    body = Body(call.json(), ("var",))
    variables = body.raw("var")
    messages.check_environment(body, variables, "Var")
    body.finish()
    before = call.store.vault.open_map(row["environment_sealed"]) if row else {}
    sealed = call.store.vault.seal(messages.merged_environment(before, variables))
    if row:
        call.store.change_where(t.environment_groups, t.environment_groups.c.name == name, environment_sealed=sealed)
    else:
        values = {"name": name, "environment_sealed": sealed, "updated_at": call.store.now()}
        call.store.connection.execute(sa.insert(t.environment_groups).values(**values))
    return show_group(call)


def show_job(call: Call) -> Reply:
    """Show a job: everybody who knows its guid may."""
    job = call.store.find(t.jobs, call.params["guid"])
    if job is None:
        raise errors.not_found("Job")
    return Reply(body=bodies.job(call, job))


def _targets(values: list[str]) -> sa.ColumnElement[bool]:
    negated = values[0].startswith("!")
    return (
        t.audit_events.c.target_guid.not_in([v.lstrip("!") for v in values])
        if negated
        else t.audit_events.c.target_guid.in_(values)
    )


EVENTS = Listing(
    "audit_event",
    t.audit_events,
    bodies.audit_events,
    filters={
        "types": one_of(t.audit_events.c.type),
        "target_guids": _targets,
        "space_guids": one_of(t.audit_events.c.space_guid),
        "organization_guids": one_of(t.audit_events.c.organization_guid),
    },
    labels=False,
)


def _visible_events(call: Call) -> list[sa.ColumnElement[bool]]:
    spaces, organizations = call.access.readable_spaces(), call.access.readable_organizations()
    if spaces is None or organizations is None:
        return []
    c = t.audit_events.c
    return [sa.or_(c.space_guid.in_(spaces), sa.and_(c.space_guid.is_(None), c.organization_guid.in_(organizations)))]


def audit_events(call: Call) -> Reply:
    """List audit events."""
    return answer(call, EVENTS, *_visible_events(call))


def show_event(call: Call) -> Reply:
    """Show an audit event."""
    found = call.store.first(
        sa.select(t.audit_events).where(t.audit_events.c.guid == call.params["guid"], *_visible_events(call))
    )
    if found is None:
        raise errors.not_found("Event")
    return one(call, EVENTS, found)


def _usage_listing(kind: str, table: sa.Table) -> Listing:
    def present(call: Call, records: list[Record]) -> list[Record]:
        return bodies.usage_events(call, kind, records)

    return Listing(f"{kind}_usage_event", table, present, labels=False, extras=frozenset({"after_guid"}))


USAGE = {
    "app": _usage_listing("app", t.app_usage_events),
    "service": _usage_listing("service", t.service_usage_events),
}


def usage_events(kind: str, call: Call) -> Reply:
    """List usage events, after one that is known."""
    if not call.who.reads_everything:
        raise errors.not_found("Usage event")
    listing, after = USAGE[kind], call.parameter("after_guid")
    if after is None:
        return answer(call, listing)
    known = call.store.find(listing.table, after)
    if known is None:
        raise errors.unprocessable("After guid filter must be a valid event guid.")
    return answer(call, listing, listing.table.c.id > known["id"])


def show_usage_event(kind: str, call: Call) -> Reply:
    """Show a usage event."""
    listing = USAGE[kind]
    found = call.store.find(listing.table, call.params["guid"])
    if found is None or not call.who.reads_everything:
        raise errors.not_found("App usage event" if kind == "app" else "Service usage event")
    return one(call, listing, found)


def purge_usage(kind: str, call: Call) -> Reply:
    """Forget all usage events and write down what runs now."""
    call.access.require_admin()
    table = USAGE[kind].table
    call.store.remove_where(table, sa.true())
    if kind == "app":
        _seed_app_usage(call.store)
    return Reply(200)


def _seed_app_usage(store: Store) -> None:
    p = t.processes
    query = (
        sa.select(p, t.apps.c.name.label("app_name"))
        .join(t.apps, t.apps.c.guid == p.c.app_guid)
        .where(p.c.state == "STARTED")
    )
    for row in store.rows(query):
        data = {
            "state": {"current": "STARTED", "previous": None},
            "app": {"guid": row["app_guid"], "name": row["app_name"]},
            "process": {"guid": row["guid"], "type": row["type"]},
            "memory_in_mb_per_instance": {"current": row["memory_in_mb"], "previous": None},
            "instance_count": {"current": row["instances"], "previous": None},
        }
        store.insert(t.app_usage_events, data=data)


_BUILDPACK = "/v3/buildpacks/{guid}"
ROUTES: list[Route] = [
    get("/v3/stacks", stacks),
    post("/v3/stacks", create_stack),
    get("/v3/stacks/{guid}", show_stack),
    patch("/v3/stacks/{guid}", update_stack),
    delete("/v3/stacks/{guid}", remove_stack),
    get("/v3/stacks/{guid}/apps", apps_on_stack),
    get("/v3/buildpacks", buildpacks),
    post("/v3/buildpacks", create_buildpack),
    get(_BUILDPACK, show_buildpack),
    patch(_BUILDPACK, update_buildpack),
    delete(_BUILDPACK, remove_buildpack),
    post(f"{_BUILDPACK}/upload", upload_buildpack, upload=True),
    post("/v3/admin/actions/clear_buildpack_cache", clear_caches),
    get("/v3/feature_flags", feature_flags),
    get("/v3/feature_flags/{name}", show_flag),
    patch("/v3/feature_flags/{name}", update_flag),
    get("/v3/environment_variable_groups/{name}", show_group),
    patch("/v3/environment_variable_groups/{name}", update_group),
    get("/v3/jobs/{guid}", show_job),
    get("/v3/audit_events", audit_events),
    get("/v3/audit_events/{guid}", show_event),
    *(
        route
        for kind in ("app", "service")
        for route in (
            get(f"/v3/{kind}_usage_events", partial(usage_events, kind)),
            get(f"/v3/{kind}_usage_events/{{guid}}", partial(show_usage_event, kind)),
            post(f"/v3/{kind}_usage_events/actions/destructively_purge_all_and_reseed", partial(purge_usage, kind)),
        )
    ),
]
