"""``/v3/apps``: apps themselves; what belongs to them is in the modules beside."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import apps as actions
from cloud_controller.actions import events, flags, processes, services
from cloud_controller.api import lookup
from cloud_controller.api.includes import APP_INCLUDES
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.blobstore import contract as blobs
from cloud_controller.diego import environment, facts
from cloud_controller.filters import one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.jobs import queue
from cloud_controller.messages import apps as messages
from cloud_controller.messages.body import Body
from cloud_controller.presenters import apps as bodies
from cloud_controller.presenters import builds as build_bodies
from cloud_controller.presenters.common import href, to_one
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

NAME_LIMIT = 255
FEATURES = {
    "ssh": ("enable_ssh", "Enable SSHing into the app."),
    "revisions": ("revisions_enabled", "Enable versioning of an application"),
    "service-binding-k8s": ("service_binding_k8s", "Enable k8s service bindings for the app"),
    "file-based-vcap-services": ("file_based_vcap_services", "Enable file-based VCAP service bindings for the app"),
}


def _stack(values: list[str]) -> sa.ColumnElement[bool]:
    return t.apps.c.stack.in_(values) if values != [""] else t.apps.c.stack.is_(None)


LISTING = Listing(
    "app",
    t.apps,
    bodies.apps,
    filters={
        "names": one_of(t.apps.c.name),
        "space_guids": one_of(t.apps.c.space_guid),
        "organization_guids": within_filter(t.apps.c.space_guid, t.spaces.c.guid, t.spaces.c.organization_guid),
        "stacks": _stack,
        "lifecycle_type": one_of(t.apps.c.lifecycle_type),
    },
    orders=("name", "state"),
    includes=APP_INCLUDES,
)


def index(call: Call) -> Reply:
    """List."""
    return answer(call, LISTING, *lookup.visible_in_space(call, t.apps.c.space_guid))


def create(call: Call) -> Reply:
    """Create."""
    body = Body(call.json(), ("name", "relationships", "environment_variables", "lifecycle", "metadata"))
    name, space_guid, metadata = body.name(limit=NAME_LIMIT), body.to_one("space"), body.metadata()
    variables = body.raw("environment_variables") if body.has("environment_variables") else {}
    messages.check_environment(body, variables)
    body.finish()
    space = call.store.find(t.spaces, space_guid)
    if space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    call.access.require_space(space, "write")
    lifecycle = messages.read_lifecycle(call, body)
    messages.require_docker(call.store, str(lifecycle.get("lifecycle_type")), call)
    sealed = call.store.vault.seal(messages.merged_environment({}, variables)) if variables else None
    app = actions.create(call.store, call.config, call.who, space, name, environment_sealed=sealed, **lifecycle)
    labels.change(call.store, "app", app["guid"], metadata)
    return one(call, LISTING, app, 201)


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, lookup.app(call)[0])


def update(call: Call) -> Reply:
    """Rename, change the lifecycle, label."""
    app, space = lookup.app(call, deed="write")
    body = Body(call.json(), ("name", "lifecycle", "metadata"))
    name, metadata = body.new_name(limit=NAME_LIMIT), body.metadata()
    body.finish()
    changes = messages.read_lifecycle(call, body, existing=app)
    if isinstance(name, str) and name != app["name"]:
        actions.refuse_taken_name(call.store, space["guid"], name)
        changes["name"] = name
    call.store.change(t.apps, app["guid"], **changes)
    labels.change(call.store, "app", app["guid"], metadata)
    app, _ = lookup.app(call)
    events.record(call.store, call.who, "audit.app.update", ("app", app), space=space, data={"request": changes})
    return one(call, LISTING, app)


def remove(call: Call) -> Reply:
    """Delete with everything of it, as a job."""
    app, _ = lookup.app(call, deed="write")
    return job_started(call, queue.enqueue(call.store, call.who, "app.delete", ("app", app["guid"])))


def start(call: Call) -> Reply:
    """Run it."""
    app, _ = lookup.app(call, deed="manage_apps")
    return one(call, LISTING, actions.start(call.store, call.who, app))


def stop(call: Call) -> Reply:
    """Run it no more."""
    app, _ = lookup.app(call, deed="manage_apps")
    return one(call, LISTING, actions.stop(call.store, call.who, app))


def restart(call: Call) -> Reply:
    """Run it anew."""
    app, _ = lookup.app(call, deed="manage_apps")
    return one(call, LISTING, actions.restart(call.store, call.who, app))


def clear_cache(call: Call) -> Reply:
    """The next build starts without what earlier ones kept."""
    app, _ = lookup.app(call, deed="manage_apps")
    call.store.later("delete_blob", actions.cache_key(app), blobs.BUILDPACK_CACHE)
    call.store.change(t.apps, app["guid"], buildpack_cache_sha256=None)
    return no_content()


def permissions(call: Call) -> Reply:
    """What the caller may read of it."""
    _, space = lookup.app(call)
    secrets = call.access.space(space, "read_secrets")
    return Reply(body={"read_basic_data": True, "read_sensitive_data": secrets})


def show_environment(call: Call) -> Reply:
    """Everything that its processes get."""
    app, space = lookup.app(call)
    call.access.require_space(space, "read_app_environment")
    flags.require(call.store, call.who, "env_var_visibility")
    if not call.access.identity.reads_secrets_everywhere:
        flags.require(call.store, call.who, "space_developer_env_var_visibility")
    about = facts.of_app(call.store, app["guid"], "running")
    staging = facts.of_app(call.store, app["guid"], "staging").group_environment
    told = environment.vcap_application(about, call.config.url, {"fds": call.config.defaults.file_descriptors})
    events.record(call.store, call.who, "audit.app.environment.show", ("app", app), space=space)
    return Reply(
        body={
            "staging_env_json": staging,
            "running_env_json": about.group_environment,
            "environment_variables": about.environment,
            "system_env_json": {"VCAP_SERVICES": services.vcap_services(call.store, app["guid"])},
            "application_env_json": {"VCAP_APPLICATION": told},
        }
    )


def _variables_body(call: Call, app: Record) -> Record:
    base = f"apps/{app['guid']}"
    links = {"self": href(call, f"{base}/environment_variables"), "app": href(call, base)}
    return {"var": call.store.vault.open_map(app["environment_sealed"]), "links": links}


def show_variables(call: Call) -> Reply:
    """The variables people set."""
    app, space = lookup.app(call)
    call.access.require_space(space, "read_app_environment")
    flags.require(call.store, call.who, "env_var_visibility")
    return Reply(body=_variables_body(call, app))


def update_variables(call: Call) -> Reply:
    """Set and (with null) remove variables."""
    app, space = lookup.app(call, deed="write")
    body = Body(call.json(), ("var",))
    variables = body.raw("var")
    messages.check_environment(body, variables, "Var")
    body.finish()
    merged = messages.merged_environment(call.store.vault.open_map(app["environment_sealed"]), variables)
    call.store.change(t.apps, app["guid"], environment_sealed=call.store.vault.seal(merged))
    app, _ = lookup.app(call)
    data = {"request": {"environment_variables": events.REDACTED}}
    events.record(call.store, call.who, "audit.app.update", ("app", app), space=space, data=data)
    return Reply(body=_variables_body(call, app))


def show_droplet(call: Call) -> Reply:
    """The droplet that runs from the next start on."""
    app, _ = lookup.app(call)
    droplet = call.store.find(t.droplets, app["droplet_guid"])
    if droplet is None:
        raise errors.not_found("Droplet")
    return Reply(body=build_bodies.droplets(call, [droplet])[0])


def _droplet_relationship(call: Call, app: Record) -> Record:
    base = f"apps/{app['guid']}"
    links = {
        "self": href(call, f"{base}/relationships/current_droplet"),
        "related": href(call, f"{base}/droplets/current"),
    }
    return {**to_one(app["droplet_guid"]), "links": links}


def show_droplet_relationship(call: Call) -> Reply:
    """Its guid."""
    app, _ = lookup.app(call)
    if not app["droplet_guid"]:
        raise errors.not_found("Droplet")
    return Reply(body=_droplet_relationship(call, app))


def assign_droplet(call: Call) -> Reply:
    """Say which."""
    app, _ = lookup.app(call, deed="manage_apps")
    body = Body(call.json(), ("data",))
    guid = body.data_guid()
    body.finish()
    if call.store.find_by(t.deployments, app_guid=app["guid"], status_value="ACTIVE"):
        raise errors.unprocessable(
            "Unable to assign current droplet while the app has a deployment in progress. Wait for the deployment to complete or cancel it."
        )
    droplet = call.store.find(t.droplets, guid)
    if droplet is None:
        raise errors.unprocessable(
            "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."
        )
    return Reply(body=_droplet_relationship(call, actions.set_droplet(call.store, call.config, call.who, app, droplet)))


def _feature(app: Record, name: str) -> Record:
    column, description = FEATURES[name]
    return {"name": name, "description": description, "enabled": app[column]}


def features(call: Call) -> Reply:
    """All features."""
    app, _ = lookup.app(call)
    resources = [_feature(app, name) for name in FEATURES]
    path = f"{call.config.url}{call.path}?page=1&per_page=50"
    pages = {"total_results": len(resources), "total_pages": 1, "first": {"href": path}, "last": {"href": path}}
    return Reply(body={"resources": resources, "pagination": {**pages, "next": None, "previous": None}})


def show_feature(call: Call) -> Reply:
    """One feature."""
    app, _ = lookup.app(call)
    if call.params["name"] not in FEATURES:
        raise errors.not_found("Feature")
    return Reply(body=_feature(app, call.params["name"]))


def update_feature(call: Call) -> Reply:
    """Switch one."""
    app, _ = lookup.app(call, deed="write")
    name = call.params["name"]
    if name not in FEATURES:
        raise errors.not_found("Feature")
    body = Body(call.json(), ("enabled",))
    enabled = body.flag("enabled")
    if not body.has("enabled"):
        body.note("Enabled must be a boolean")
    body.finish()
    set_feature(call, app, name, enabled=bool(enabled))
    return Reply(body=_feature(lookup.app(call)[0], name))


_EXCLUSIVE = {"service-binding-k8s": "file-based-vcap-services", "file-based-vcap-services": "service-binding-k8s"}


def set_feature(call: Call, app: Record, name: str, *, enabled: bool) -> None:
    """Switch a feature of an app.

    Raises:
        ApiError: another one excludes it.
    """
    other = _EXCLUSIVE.get(name)
    if enabled and other and app[FEATURES[other][0]]:
        raise errors.unprocessable(f"'{other}' feature must be disabled before enabling '{name}' feature.")
    call.store.change(t.apps, app["guid"], **{FEATURES[name][0]: enabled})


def ssh_enabled(call: Call) -> Reply:
    """Whether people may log in, and if not, why."""
    app, space = lookup.app(call)
    levels = (
        (call.config.allow_app_ssh_access, "Disabled globally"),
        (space["allow_ssh"], f"Disabled for space {space['name']}"),
        (app["enable_ssh"], "Disabled for app"),
    )
    reason = next((text for allowed, text in levels if not allowed), "")
    return Reply(body={"enabled": not reason, "reason": reason})


def restart_instance(call: Call) -> Reply:
    """Stop one instance; another one takes its place."""
    app, space = lookup.app(call, deed="manage_apps")
    process = processes.newest(call.store, app["guid"], call.params["type"])
    if process is None:
        raise errors.not_found("Process")
    return terminate(call, process, space)


def terminate(call: Call, process: Record, space: Record) -> Reply:
    """Stop one instance of a process."""
    index = call.params["index"]
    if not index.isdigit() or int(index) >= process["instances"]:
        raise errors.not_found("Instance")
    call.store.later("retire", processes.lrp_guid(process), index)
    app = call.store.find(t.apps, process["app_guid"]) or process
    data = {"process_guid": process["guid"], "process_type": process["type"], "process_index": int(index)}
    events.record(call.store, call.who, "audit.app.process.terminate_instance", ("app", app), space=space, data=data)
    return no_content()


_ONE = "/v3/apps/{guid}"
ROUTES: list[Route] = [
    get("/v3/apps", index),
    post("/v3/apps", create),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    post(f"{_ONE}/actions/start", start),
    post(f"{_ONE}/actions/stop", stop),
    post(f"{_ONE}/actions/restart", restart),
    post(f"{_ONE}/actions/clear_buildpack_cache", clear_cache),
    get(f"{_ONE}/permissions", permissions),
    get(f"{_ONE}/env", show_environment, "token_writes"),
    get(f"{_ONE}/environment_variables", show_variables),
    patch(f"{_ONE}/environment_variables", update_variables),
    get(f"{_ONE}/droplets/current", show_droplet),
    get(f"{_ONE}/relationships/current_droplet", show_droplet_relationship),
    patch(f"{_ONE}/relationships/current_droplet", assign_droplet),
    get(f"{_ONE}/features", features),
    get(f"{_ONE}/features/{{name}}", show_feature),
    patch(f"{_ONE}/features/{{name}}", update_feature),
    get(f"{_ONE}/ssh_enabled", ssh_enabled),
    delete(f"{_ONE}/processes/{{type}}/instances/{{index}}", restart_instance),
]
