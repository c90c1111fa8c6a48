"""``/v3/deployments`` and ``/v3/revisions``."""

from __future__ import annotations

from cloud_controller import errors
from cloud_controller.actions import flags
from cloud_controller.api import lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.deployments import create as actions
from cloud_controller.filters import number_in, one_of
from cloud_controller.messages.body import Body, or_else
from cloud_controller.presenters import apps as bodies
from cloud_controller.presenters.common import href
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, get, patch, post

DEPLOYMENTS = Listing(
    "deployment",
    t.deployments,
    bodies.deployments,
    filters={
        "app_guids": one_of(t.deployments.c.app_guid),
        "states": one_of(t.deployments.c.state),
        "status_values": one_of(t.deployments.c.status_value),
        "status_reasons": one_of(t.deployments.c.status_reason),
    },
)
REVISIONS = Listing(
    "revision",
    t.revisions,
    bodies.revisions,
    filters={"versions": number_in(t.revisions.c.version, "Versions")},
    orders=("version",),
)


def index(call: Call) -> Reply:
    """List."""
    return answer(call, DEPLOYMENTS, *lookup.visible_apps(call, t.deployments.c.app_guid))


def create(call: Call) -> Reply:
    """Bring a droplet or a revision without a pause."""
    body = Body(call.json(), ("relationships", "droplet", "revision", "strategy", "options", "metadata"))
    app_guid, metadata = body.to_one("app"), body.metadata()
    wanted = _read(call, body)
    body.finish()
    app = call.store.find(t.apps, app_guid)
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if app is None or space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Unable to use app. Ensure that the app exists and you have access to it.")
    call.access.require_space(space, "manage_apps")
    if wanted.web_instances or wanted.sizes:
        flags.require(call.store, call.who, "app_scaling")
    if wanted.revision_guid and not app["revisions_enabled"]:
        raise errors.unprocessable("Cannot create deployment from a revision for an app without revisions enabled")
    made = actions.create(call.store, call.config, call.who, app, wanted)
    labels.change(call.store, "deployment", made["guid"], metadata)
    return one(call, DEPLOYMENTS, made, 201)


def _read(call: Call, body: Body) -> actions.Wanted:
    droplet = body.inner("droplet", ("guid",)).text("guid") if call.json().get("droplet") else None
    revision = body.inner("revision", ("guid", "version")).text("guid") if call.json().get("revision") else None
    if droplet and revision:
        body.note("Cannot set both fields 'droplet' and 'revision'")
    strategy = body.choice("strategy", ("rolling", "canary", "recreate")) if call.json().get("strategy") else "rolling"
    if strategy == "recreate":
        body.note("Strategy 'recreate' is not a supported deployment strategy")
    options = body.inner(
        "options",
        (
            "max_in_flight",
            "web_instances",
            "memory_in_mb",
            "disk_in_mb",
            "log_rate_limit_in_bytes_per_second",
            "canary",
        ),
    )
    sizes = {
        "memory_in_mb": options.integer("memory_in_mb", minimum=1),
        "disk_in_mb": options.integer("disk_in_mb", minimum=1),
        "log_rate_limit": options.integer("log_rate_limit_in_bytes_per_second", minimum=-1),
    }
    return actions.Wanted(
        droplet_guid=or_else(droplet, "") or None,
        revision_guid=or_else(revision, "") or None,
        strategy=str(strategy),
        max_in_flight=or_else(options.integer("max_in_flight", minimum=1), 1),
        web_instances=or_else(options.integer("web_instances", minimum=1), 0) or None,
        sizes={name: value for name, value in sizes.items() if isinstance(value, int)},
        canary_weights=_weights(options, str(strategy)),
    )


def _weights(options: Body, strategy: str) -> tuple[int, ...]:
    if not options.has("canary"):
        return ()
    if strategy != "canary":
        options.note("canary are only valid for Canary deployments")
    steps = options.inner("canary", ("steps",)).items("steps")
    weights = (
        [step.get("instance_weight") if isinstance(step, dict) else None for step in steps or []]
        if isinstance(steps, list)
        else []
    )
    numbers = [weight for weight in weights if isinstance(weight, int) and 1 <= weight <= 100]
    if len(numbers) != len(weights):
        options.note("canary.steps instance_weight must be an Integer between 1-100 (inclusive)")
    elif numbers != sorted(numbers):
        options.note("canary.steps must be sorted in ascending order")
    return tuple(numbers)


def show(call: Call) -> Reply:
    """Show."""
    return one(call, DEPLOYMENTS, lookup.of_app(call, t.deployments, "Deployment")[0])


def update(call: Call) -> Reply:
    """Label."""
    deployment, _, _ = lookup.of_app(call, t.deployments, "Deployment", "write")
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "deployment", deployment["guid"], metadata)
    return one(call, DEPLOYMENTS, deployment)


def cancel(call: Call) -> Reply:
    """Go back."""
    deployment, app, _ = lookup.of_app(call, t.deployments, "Deployment", "manage_apps")
    actions.cancel(call.store, call.config, call.who, app, deployment)
    return Reply(200)


def proceed(call: Call) -> Reply:
    """Go on after a canary step."""
    deployment, app, _ = lookup.of_app(call, t.deployments, "Deployment", "manage_apps")
    actions.proceed(call.store, call.who, app, deployment)
    return Reply(200)


def revisions_of_app(call: Call) -> Reply:
    """The revisions of an app."""
    app, _ = lookup.app(call)
    return answer(call, REVISIONS, t.revisions.c.app_guid == app["guid"])


def deployed_revisions(call: Call) -> Reply:
    """Those of which instances run."""
    app, _ = lookup.app(call)
    p = t.processes.c
    running = (
        t.processes.select()
        .with_only_columns(p.revision_guid)
        .where(p.app_guid == app["guid"], p.state == "STARTED", p.instances > 0)
    )
    return answer(call, REVISIONS, t.revisions.c.guid.in_(running))


def show_revision(call: Call) -> Reply:
    """Show a revision."""
    return one(call, REVISIONS, lookup.of_app(call, t.revisions, "Revision")[0])


def update_revision(call: Call) -> Reply:
    """Label a revision."""
    revision, _, _ = lookup.of_app(call, t.revisions, "Revision", "write")
    body = Body(call.json(), ("metadata",))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "revision", revision["guid"], metadata)
    return one(call, REVISIONS, revision)


def revision_variables(call: Call) -> Reply:
    """The environment variables a revision holds."""
    revision, app, space = lookup.of_app(call, t.revisions, "Revision")
    call.access.require_space(space, "read_app_environment")
    base = f"revisions/{revision['guid']}"
    links: Record = {
        "self": href(call, f"{base}/environment_variables"),
        "revision": href(call, base),
        "app": href(call, f"apps/{app['guid']}"),
    }
    return Reply(body={"var": call.store.vault.open_map(revision["environment_sealed"]), "links": links})


_ONE = "/v3/deployments/{guid}"
ROUTES: list[Route] = [
    get("/v3/deployments", index),
    post("/v3/deployments", create),
    get(_ONE, show),
    patch(_ONE, update),
    post(f"{_ONE}/actions/cancel", cancel),
    post(f"{_ONE}/actions/continue", proceed),
    get("/v3/apps/{guid}/revisions", revisions_of_app),
    get("/v3/apps/{guid}/revisions/deployed", deployed_revisions),
    get("/v3/revisions/{guid}", show_revision),
    patch("/v3/revisions/{guid}", update_revision),
    get("/v3/revisions/{guid}/environment_variables", revision_variables),
]
