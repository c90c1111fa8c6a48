"""``/v3/tasks``."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, flags, quotas
from cloud_controller.api import lookup
from cloud_controller.api.listing import Listing, answer
from cloud_controller.filters import number_in, one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.messages.body import Body, or_else
from cloud_controller.presenters import apps as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, get, patch, post, put

NAME_LIMIT = 255
_FILTERS = {
    "names": one_of(t.tasks.c.name),
    "states": one_of(t.tasks.c.state),
    "app_guids": one_of(t.tasks.c.app_guid),
    "space_guids": within_filter(t.tasks.c.app_guid, t.apps.c.guid, t.apps.c.space_guid),
    "sequence_ids": number_in(t.tasks.c.sequence_id, "Sequence ids"),
}
ALL = Listing("task", t.tasks, bodies.tasks, filters=_FILTERS)
OF_APP = Listing("task", t.tasks, bodies.app_tasks, filters=_FILTERS)


def index(call: Call) -> Reply:
    """List."""
    return answer(call, ALL, *lookup.visible_apps(call, t.tasks.c.app_guid))


def of_app(call: Call) -> Reply:
    """The tasks of an app; their commands for those who may see them."""
    app, space = lookup.app(call)
    listing = OF_APP if call.access.space(space, "read_secrets") else ALL
    return answer(call, listing, t.tasks.c.app_guid == app["guid"])


def create(call: Call) -> Reply:
    """Run a command once with the app's droplet."""
    app, space = lookup.app(call, deed="write")
    flags.require(call.store, call.who, "task_creation")
    names = (
        "name",
        "command",
        "user",
        "memory_in_mb",
        "disk_in_mb",
        "log_rate_limit_in_bytes_per_second",
        "droplet_guid",
        "template",
        "metadata",
    )
    body = Body(call.json(), names)
    values = _read(call, body, app)
    metadata = body.metadata()
    body.finish()
    _require_droplet(call, app, values["droplet_guid"])
    _check_quotas(call, app, space, values)
    locked = call.store.find(t.apps, app["guid"], lock=True) or app
    number = locked["last_task_sequence_id"] + 1
    call.store.change(t.apps, app["guid"], last_task_sequence_id=number, updated_at=app["updated_at"])
    values["name"] = values["name"] or call.store.new_guid()[:8]
    task = call.store.insert(t.tasks, app_guid=app["guid"], sequence_id=number, state="PENDING", **values)
    labels.change(call.store, "task", task["guid"], metadata)
    call.store.later("run_task", task["guid"])
    data = {"task_guid": task["guid"], "request": {"name": task["name"], "command": events.REDACTED}}
    events.record(call.store, call.who, "audit.app.task.create", ("app", app), space=space, data=data)
    return Reply(202, bodies.task(call, task))


def _read(call: Call, body: Body, app: Record) -> Record:
    template = _template(call, body, app)
    defaults = call.config.defaults
    command = body.text("command")
    if not command and not template:
        body.note("Command can't be blank")
    detected = bodies.detected_commands(call.store, [template])[template["guid"]] if template else None

    def number(field: str, column: str, default: int, minimum: int) -> int:
        fallback = template[column] if template else default
        return or_else(body.integer(field, minimum=minimum), int(fallback))

    return {
        "name": or_else(body.text("name", limit=NAME_LIMIT), ""),
        "command": or_else(command, detected or ""),
        "user": or_else(body.text("user"), "") or (template or {}).get("user"),
        "memory_in_mb": number("memory_in_mb", "memory_in_mb", defaults.memory_in_mb, 1),
        "disk_in_mb": number("disk_in_mb", "disk_in_mb", defaults.disk_in_mb, 1),
        "log_rate_limit": number("log_rate_limit_in_bytes_per_second", "log_rate_limit", defaults.log_rate_limit, -1),
        "droplet_guid": or_else(body.text("droplet_guid"), "") or app["droplet_guid"],
    }


def _template(call: Call, body: Body, app: Record) -> Record | None:
    if not body.has("template"):
        return None
    guid = body.inner("template", ("process",)).inner("process", ("guid",)).name("guid")
    process = call.store.find(t.processes, guid)
    if process is None or process["app_guid"] != app["guid"]:
        raise errors.not_found("Process")
    return process


def _require_droplet(call: Call, app: Record, guid: str | None) -> None:
    droplet = call.store.find(t.droplets, guid)
    if droplet is None or droplet["app_guid"] != app["guid"]:
        raise errors.unprocessable(
            "Task must have a droplet. Assign current droplet to app." if not guid else "Droplet not found"
        )


def _check_quotas(call: Call, app: Record, space: Record, values: Record) -> None:
    quotas.check(call.store, space, quotas.Wish(values["memory_in_mb"], 1, values["log_rate_limit"]))
    organization = call.store.find(t.organizations, space["organization_guid"]) or {}
    levels = (
        call.store.find(t.organization_quotas, organization.get("quota_guid")),
        call.store.find(t.space_quotas, space["quota_guid"]),
    )
    active = (
        sa.select(sa.func.count())
        .select_from(t.tasks)
        .where(t.tasks.c.app_guid == app["guid"], t.tasks.c.state.in_(("PENDING", "RUNNING")))
    )
    running = int(call.store.value(active))
    for quota in levels:
        limit = quota["limits"]["apps"]["per_app_tasks"] if quota else None
        if limit is not None and running + 1 > limit:
            raise errors.unprocessable("app_task_limit quota_exceeded")


def show(call: Call) -> Reply:
    """Show."""
    return Reply(body=bodies.task(call, lookup.of_app(call, t.tasks, "Task")[0]))


def update(call: Call) -> Reply:
    """Label."""
    task, _, _ = lookup.of_app(call, t.tasks, "Task", "write")
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "task", task["guid"], metadata)
    return show(call)


def cancel(call: Call) -> Reply:
    """Stop it."""
    task, app, space = lookup.of_app(call, t.tasks, "Task", "manage_apps")
    if task["state"] in {"SUCCEEDED", "FAILED"}:
        raise errors.unprocessable(f"Task state is {task['state']} and therefore cannot be canceled")
    call.store.change(t.tasks, task["guid"], state="CANCELING")
    call.store.later("cancel_task", task["guid"])
    events.record(
        call.store, call.who, "audit.app.task.cancel", ("app", app), space=space, data={"task_guid": task["guid"]}
    )
    return Reply(202, bodies.task(call, lookup.of_app(call, t.tasks, "Task")[0]))


_ONE = "/v3/tasks/{guid}"
ROUTES: list[Route] = [
    get("/v3/tasks", index),
    get("/v3/apps/{guid}/tasks", of_app),
    post("/v3/apps/{guid}/tasks", create),
    get(_ONE, show),
    patch(_ONE, update),
    put(f"{_ONE}/cancel", cancel),
    post(f"{_ONE}/actions/cancel", cancel),
]
