"""``/v3/builds`` and ``/v3/droplets``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events
from cloud_controller.actions import staging as actions
from cloud_controller.api import lookup
from cloud_controller.api.downloads import redirect
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.blobstore import bits
from cloud_controller.blobstore import contract as blobs
from cloud_controller.filters import one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.jobs import queue
from cloud_controller.messages import apps as messages
from cloud_controller.messages.body import Body, given
from cloud_controller.presenters import builds as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, patch, post

BUILDS = Listing(
    "build",
    t.builds,
    bodies.builds,
    filters={
        "states": one_of(t.builds.c.state),
        "app_guids": one_of(t.builds.c.app_guid),
        "package_guids": one_of(t.builds.c.package_guid),
    },
)
_DROPLET_FILTERS = {
    "states": one_of(t.droplets.c.state),
    "app_guids": one_of(t.droplets.c.app_guid),
    "space_guids": within_filter(t.droplets.c.app_guid, t.apps.c.guid, t.apps.c.space_guid),
    "organization_guids": lambda values: t.droplets.c.app_guid.in_(
        sa.select(t.apps.c.guid)
        .join(t.spaces, t.spaces.c.guid == t.apps.c.space_guid)
        .where(t.spaces.c.organization_guid.in_(values))
    ),
}
DROPLETS = Listing("droplet", t.droplets, bodies.droplet_list, filters=_DROPLET_FILTERS, extras=frozenset({"current"}))
DROPLET = Listing("droplet", t.droplets, bodies.droplets)


def index(call: Call) -> Reply:
    """List builds."""
    return answer(call, BUILDS, *lookup.visible_apps(call, t.builds.c.app_guid))


def of_app(call: Call) -> Reply:
    """The builds of an app."""
    app, _ = lookup.app(call)
    return answer(call, BUILDS, t.builds.c.app_guid == app["guid"])


def create(call: Call) -> Reply:
    """Stage a package."""
    names = (
        "package",
        "lifecycle",
        "metadata",
        "staging_memory_in_mb",
        "staging_disk_in_mb",
        "staging_log_rate_limit_bytes_per_second",
    )
    body = Body(call.json(), names)
    package_guid = body.inner("package", ("guid",)).name("guid")
    settings = given(
        staging_memory_in_mb=body.integer("staging_memory_in_mb", minimum=1),
        staging_disk_in_mb=body.integer("staging_disk_in_mb", minimum=1),
        staging_log_rate_limit=body.integer("staging_log_rate_limit_bytes_per_second", minimum=-1),
    )
    metadata = body.metadata()
    body.finish()
    package = call.store.find(t.packages, package_guid)
    app = call.store.find(t.apps, package["app_guid"]) if package else None
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if package is None or app is None or space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Unable to use package. Ensure that the package exists and you have access to it.")
    call.access.require_space(space, "manage_apps")
    messages.require_docker(call.store, app["lifecycle_type"], call)
    settings |= messages.read_lifecycle(call, body, existing=app)
    build = actions.begin(call.store, call.config, call.who, app, package, settings)
    labels.change(call.store, "build", build["guid"], metadata)
    return one(call, BUILDS, build, 201)


def show(call: Call) -> Reply:
    """Show a build."""
    return one(call, BUILDS, lookup.of_app(call, t.builds, "Build")[0])


def update(call: Call) -> Reply:
    """Label a build."""
    build, _, _ = lookup.of_app(call, t.builds, "Build", "write")
    body = Body(call.json(), ("metadata", "state", "error", "lifecycle"))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "build", build["guid"], metadata)
    return one(call, BUILDS, build)


def droplets(call: Call) -> Reply:
    """List droplets."""
    return answer(call, DROPLETS, *lookup.visible_apps(call, t.droplets.c.app_guid))


def droplets_of_app(call: Call) -> Reply:
    """The droplets of an app; ``current`` for the one it runs."""
    app, _ = lookup.app(call)
    current = [t.droplets.c.guid == (app["droplet_guid"] or "")] if call.parameter("current") == "true" else []
    return answer(call, DROPLETS, t.droplets.c.app_guid == app["guid"], *current)


def droplets_of_package(call: Call) -> Reply:
    """The droplets made of a package."""
    package, _, _ = lookup.of_app(call, t.packages, "Package")
    return answer(call, DROPLETS, t.droplets.c.package_guid == package["guid"])


def create_droplet(call: Call) -> Reply:
    """A droplet that somebody will upload, or a copy of another app's."""
    source = call.parameter("source_guid")
    body = Body(call.json(), ("relationships", "process_types", "metadata"))
    app_guid, kinds = body.to_one("app"), body.mapping("process_types")
    body.finish()
    app = call.store.find(t.apps, app_guid)
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if app is None or space is None or not call.access.space(space, "read"):
        raise errors.unprocessable(f'App with guid "{app_guid}" does not exist, or you do not have access to it.')
    call.access.require_space(space, "write")
    made = _copied(call, source, app) if source else _awaiting(call, app, kinds)
    data = {"droplet_guid": made["guid"]}
    events.record(call.store, call.who, "audit.app.droplet.create", ("app", app), space=space, data=data)
    return one(call, DROPLET, made, 201)


def _awaiting(call: Call, app: Record, kinds: object) -> Record:
    values = {
        "app_guid": app["guid"],
        "state": "AWAITING_UPLOAD",
        "lifecycle_type": app["lifecycle_type"],
        "stack": app["stack"],
        "process_types": kinds if isinstance(kinds, dict) and kinds else {"web": ""},
        "execution_metadata": "",
    }
    return call.store.insert(t.droplets, **values)


def _copied(call: Call, source_guid: str, app: Record) -> Record:
    source, _, _ = lookup.of_app(call, t.droplets, "Droplet", "write", guid=source_guid)
    if source["state"] != "STAGED":
        raise errors.unprocessable("Invalid droplet. Only staged droplets can be copied.")
    kept = ("guid", "id", "created_at", "updated_at", "app_guid", "package_guid", "build_guid", "blob_key")
    made = call.store.insert(t.droplets, app_guid=app["guid"], **{k: v for k, v in source.items() if k not in kept})
    if source["blob_key"]:
        with tempfile.TemporaryDirectory(prefix="copy-") as folder:
            path = call.services.blobs.local(blobs.DROPLETS, source["blob_key"]) or Path(folder) / "droplet"
            if not path.exists():
                call.services.blobs.fetch(blobs.DROPLETS, source["blob_key"], path)
            call.services.blobs.put(blobs.DROPLETS, made["guid"], path)
        call.store.change(t.droplets, made["guid"], blob_key=made["guid"])
    return call.store.find(t.droplets, made["guid"]) or made


def show_droplet(call: Call) -> Reply:
    """Show a droplet."""
    return one(call, DROPLET, lookup.of_app(call, t.droplets, "Droplet")[0])


def update_droplet(call: Call) -> Reply:
    """Label a droplet."""
    droplet, _, _ = lookup.of_app(call, t.droplets, "Droplet", "write")
    body = Body(call.json(), ("metadata", "image"))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "droplet", droplet["guid"], metadata)
    return one(call, DROPLET, droplet)


def upload_droplet(call: Call) -> Reply:
    """Receive a droplet made elsewhere."""
    droplet, app, space = lookup.of_app(call, t.droplets, "Droplet", "write")
    received = call.upload
    path = received.files.get("bits") if received else None
    if path is None:
        raise errors.unprocessable("Uploaded file is not a valid droplet: no bits")
    if droplet["state"] != "AWAITING_UPLOAD":
        raise errors.unprocessable("Droplet may be uploaded only once. Create a new droplet to upload bits.")
    digest = bits.sha256(path)
    call.services.blobs.put(blobs.DROPLETS, droplet["guid"], path)
    call.store.change(t.droplets, droplet["guid"], state="STAGED", sha256=digest, blob_key=droplet["guid"])
    data = {"droplet_guid": droplet["guid"]}
    events.record(call.store, call.who, "audit.app.droplet.upload", ("app", app), space=space, data=data)
    job = queue.enqueue(call.store, call.who, "droplet.upload", ("droplet", droplet["guid"]))
    body = bodies.droplets(call, [call.store.find(t.droplets, droplet["guid"]) or droplet])[0]
    return job_started(call, job, body)


def download_droplet(call: Call) -> Reply:
    """Send a droplet."""
    droplet, app, space = lookup.of_app(call, t.droplets, "Droplet")
    call.access.require_space(space, "read_secrets")
    if droplet["lifecycle_type"] == "docker":
        raise errors.unprocessable("Cannot download droplets with 'docker' lifecycle.")
    if droplet["state"] != "STAGED" or not droplet["blob_key"]:
        raise errors.unprocessable(f"Only staged droplets can be downloaded. Droplet is in state {droplet['state']}.")
    data = {"droplet_guid": droplet["guid"]}
    events.record(call.store, call.who, "audit.app.droplet.download", ("app", app), space=space, data=data)
    return redirect(call, blobs.DROPLETS, droplet["blob_key"])


def remove_droplet(call: Call) -> Reply:
    """Delete, as a job."""
    droplet, app, _ = lookup.of_app(call, t.droplets, "Droplet", "write")
    if app["droplet_guid"] == droplet["guid"]:
        raise errors.unprocessable("The droplet is currently used and cannot be deleted.")
    return job_started(call, queue.enqueue(call.store, call.who, "droplet.delete", ("droplet", droplet["guid"])))


_DROPLET = "/v3/droplets/{guid}"
ROUTES: list[Route] = [
    get("/v3/builds", index),
    post("/v3/builds", create),
    get("/v3/builds/{guid}", show),
    patch("/v3/builds/{guid}", update),
    get("/v3/apps/{guid}/builds", of_app),
    get("/v3/droplets", droplets),
    post("/v3/droplets", create_droplet),
    get("/v3/apps/{guid}/droplets", droplets_of_app),
    get("/v3/packages/{guid}/droplets", droplets_of_package),
    get(_DROPLET, show_droplet),
    patch(_DROPLET, update_droplet),
    delete(_DROPLET, remove_droplet),
    post(f"{_DROPLET}/upload", upload_droplet, upload=True),
    get(f"{_DROPLET}/download", download_droplet, "token_writes"),
]
