"""``/v3/processes``, processes and sidecars of apps, and what instances are doing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, flags
from cloud_controller.actions import processes as actions
from cloud_controller.api import lookup
from cloud_controller.api.apps import terminate
from cloud_controller.api.listing import Listing, answer
from cloud_controller.diego import instances
from cloud_controller.diego.contract import BbsError
from cloud_controller.diego.usage import InstanceUsage, UsageUnavailable
from cloud_controller.filters import one_of
from cloud_controller.messages import apps as messages
from cloud_controller.messages.body import Body, given
from cloud_controller.presenters import apps as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, no_content, patch, post


def _of_apps_in(column: sa.ColumnElement[Any]) -> Any:
    def condition(values: list[str]) -> sa.ColumnElement[bool]:
        apps = sa.select(t.apps.c.guid).join(t.spaces, t.spaces.c.guid == t.apps.c.space_guid)
        return t.processes.c.app_guid.in_(apps.where(column.in_(values)))

    return condition


LISTING = Listing(
    "process",
    t.processes,
    bodies.processes,
    filters={
        "app_guids": one_of(t.processes.c.app_guid),
        "types": one_of(t.processes.c.type),
        "space_guids": _of_apps_in(t.spaces.c.guid),
        "organization_guids": _of_apps_in(t.spaces.c.organization_guid),
    },
    extras=frozenset({"embed"}),
)


def index(call: Call) -> Reply:
    """List; ``embed=process_instances`` tells of all instances with a single question to the BBS."""
    return _embedding(call, answer(call, LISTING, *lookup.visible_apps(call, t.processes.c.app_guid)))


def of_app(call: Call) -> Reply:
    """The processes of an app."""
    app, _ = lookup.app(call)
    return _embedding(call, answer(call, LISTING, t.processes.c.app_guid == app["guid"]))


def _embedding(call: Call, reply: Reply) -> Reply:
    embed = call.parameter("embed")
    if embed is None:
        return reply
    if embed != "process_instances":
        raise errors.bad_query(
            f"Invalid embedded resource: '{embed}'. Valid embedded resources are: 'process_instances'"
        )
    records = call.store.many(t.processes, (body["guid"] for body in reply.body["resources"]))
    names = {actions.lrp_guid(record): guid for guid, record in records.items()}
    found: dict[str, list[Any]] = {}
    for lrp in _ask(call, list(names)):
        found.setdefault(names[lrp.actual_lrp_key.process_guid], []).append(lrp)
    now = call.services.clock.now()
    for body in reply.body["resources"]:
        guid = body["guid"]
        body["process_instances"] = instances.short(records[guid], found.get(guid, []), now)
    return reply


def _ask(call: Call, names: list[str]) -> list[Any]:
    try:
        return call.services.bbs.actual_lrps(names)
    except BbsError as error:
        raise errors.instances_unavailable(str(error)) from error


def _process(call: Call, deed: str = "read") -> tuple[Record, Record, Record]:
    """The process that the path names by guid, or by app and type."""
    if "type" not in call.params:
        return lookup.of_app(call, t.processes, "Process", deed)
    app, space = lookup.app(call, deed=deed)
    found = actions.newest(call.store, app["guid"], call.params["type"])
    if found is None:
        raise errors.not_found("Process")
    return found, app, space


def show(call: Call) -> Reply:
    """Show."""
    return Reply(body=bodies.process(call, _process(call)[0]))


def update(call: Call) -> Reply:
    """Change command, health checks; label. They count from the next start on."""
    process, app, space = _process(call, "write")
    body = Body(call.json(), ("command", "user", "health_check", "readiness_health_check", "metadata"))
    columns, metadata = messages.read_process(body, call.config)
    body.finish()
    if columns:
        call.store.change(t.processes, process["guid"], **columns)
    labels.change(call.store, "process", process["guid"], metadata)
    shown = {**columns, **({"command": events.REDACTED} if columns.get("command") else {})}
    data = {"process_guid": process["guid"], "process_type": process["type"], "request": shown}
    events.record(call.store, call.who, "audit.app.process.update", ("app", app), space=space, data=data)
    return Reply(body=bodies.process(call, _process(call)[0]))


def scale(call: Call) -> Reply:
    """Change numbers."""
    process, app, space = _process(call, "manage_apps")
    flags.require(call.store, call.who, "app_scaling")
    names = ("instances", "memory_in_mb", "disk_in_mb", "log_rate_limit_in_bytes_per_second")
    body = Body(call.json(), names)
    columns = messages.read_scale(body, call.config)
    body.finish()
    _refuse_during_deployment(call, process)
    scaled = actions.scale(call.store, space, process, columns) if columns else process
    data = {"process_guid": process["guid"], "process_type": process["type"], "request": columns}
    events.record(call.store, call.who, "audit.app.process.scale", ("app", app), space=space, data=data)
    return Reply(202, bodies.process(call, scaled))


def _refuse_during_deployment(call: Call, process: Record) -> None:
    if process["type"] == actions.WEB and call.store.find_by(
        t.deployments, app_guid=process["app_guid"], status_value="ACTIVE"
    ):
        raise errors.unprocessable("Cannot scale this process while a deployment is in flight.")


def stats(call: Call) -> Reply:
    """What its instances do and use."""
    process, app, space = _process(call)
    lrps = _ask(call, [actions.lrp_guid(process)]) if process["state"] == "STARTED" else []
    usage: dict[int, InstanceUsage] = {}
    if lrps:
        try:
            usage = call.services.usage.read(app["guid"], process["guid"])
        except UsageUnavailable:
            call.warnings.append("Stats server temporarily unavailable.")
    organization = call.store.find(t.organizations, space["organization_guid"]) or {}
    segment = call.store.find(
        t.isolation_segments, space["isolation_segment_guid"] or organization.get("default_isolation_segment_guid")
    )
    rows = instances.stats(
        process,
        lrps,
        usage,
        call.config.defaults.file_descriptors,
        segment["name"] if segment else None,
        call.services.clock.now(),
    )
    return Reply(body={"resources": rows})


def show_instances(call: Call) -> Reply:
    """What its instances do, in short."""
    process, _, _ = _process(call)
    rows = instances.short(process, _ask(call, [actions.lrp_guid(process)]), call.services.clock.now())
    links = {"self": {"href": f"{call.config.url}{call.path}"}}
    return Reply(body={"resources": rows, "links": links})


def terminate_instance(call: Call) -> Reply:
    """Stop one instance; another one takes its place."""
    process, _, space = _process(call, "manage_apps")
    return terminate(call, process, space)


SIDECARS = Listing("sidecar", t.sidecars, bodies.sidecars, labels=False)
_SIDECAR_FIELDS = ("name", "command", "process_types", "memory_in_mb")


def sidecars_of_app(call: Call) -> Reply:
    """The sidecars of an app."""
    app, _ = lookup.app(call)
    return answer(call, SIDECARS, t.sidecars.c.app_guid == app["guid"])


def sidecars_of_process(call: Call) -> Reply:
    """The sidecars beside a process."""
    process, app, _ = _process(call)
    rows = call.store.rows(sa.select(t.sidecars).where(t.sidecars.c.app_guid == app["guid"]))
    guids = [row["guid"] for row in rows if process["type"] in (row["process_types"] or [])]
    return answer(call, SIDECARS, t.sidecars.c.guid.in_(guids))


def create_sidecar(call: Call) -> Reply:
    """A new sidecar."""
    app, _ = lookup.app(call, deed="write")
    body = Body(call.json(), _SIDECAR_FIELDS)
    name, command, kinds = body.name(), body.name("command", limit=4096), body.strings("process_types")
    memory = body.integer("memory_in_mb", minimum=1)
    if not kinds or not isinstance(kinds, list):
        body.note("Process types must have at least 1 process_type")
    body.finish()
    if call.store.find_by(t.sidecars, app_guid=app["guid"], name=name):
        raise errors.unprocessable(f"Sidecar with name '{name}' already exists for given app")
    values = given(memory_in_mb=memory)
    made = call.store.insert(
        t.sidecars, app_guid=app["guid"], name=name, command=command, process_types=kinds, origin="user", **values
    )
    return Reply(201, bodies.sidecars(call, [made])[0])


def show_sidecar(call: Call) -> Reply:
    """Show a sidecar."""
    return Reply(body=bodies.sidecars(call, [lookup.of_app(call, t.sidecars, "Sidecar")[0]])[0])


def update_sidecar(call: Call) -> Reply:
    """Change a sidecar."""
    sidecar, app, _ = lookup.of_app(call, t.sidecars, "Sidecar", "write")
    body = Body(call.json(), _SIDECAR_FIELDS)
    command = body.name("command", limit=4096) if body.has("command") else body.raw("command")
    values = given(
        name=body.new_name(),
        command=command,
        process_types=body.strings("process_types"),
        memory_in_mb=body.integer("memory_in_mb", minimum=1),
    )
    body.finish()
    same = call.store.find_by(t.sidecars, app_guid=app["guid"], name=values.get("name", sidecar["name"]))
    if same and same["guid"] != sidecar["guid"]:
        raise errors.unprocessable(f"Sidecar with name '{same['name']}' already exists for given app")
    call.store.change(t.sidecars, sidecar["guid"], **{**values, "origin": "user"})
    return show_sidecar(call)


def remove_sidecar(call: Call) -> Reply:
    """Remove a sidecar."""
    sidecar, _, _ = lookup.of_app(call, t.sidecars, "Sidecar", "write")
    call.store.remove(t.sidecars, sidecar["guid"])
    return no_content()


_ONE = "/v3/processes/{guid}"
_BY_TYPE = "/v3/apps/{guid}/processes/{type}"
ROUTES: list[Route] = [
    get("/v3/processes", index),
    get("/v3/apps/{guid}/processes", of_app),
    *(
        route
        for base in (_ONE, _BY_TYPE)
        for route in (
            get(base, show),
            patch(base, update),
            post(f"{base}/actions/scale", scale),
            get(f"{base}/stats", stats),
            get(f"{base}/process_instances", show_instances),
            get(f"{base}/sidecars", sidecars_of_process),
        )
    ),
    delete(f"{_ONE}/instances/{{index}}", terminate_instance),
    get("/v3/apps/{guid}/sidecars", sidecars_of_app),
    post("/v3/apps/{guid}/sidecars", create_sidecar),
    get("/v3/sidecars/{guid}", show_sidecar),
    patch("/v3/sidecars/{guid}", update_sidecar),
    delete("/v3/sidecars/{guid}", remove_sidecar),
]
