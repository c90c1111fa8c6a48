"""``/v3/packages`` and ``/v3/resource_matches``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cloud_controller import errors
from cloud_controller.actions import events, flags
from cloud_controller.api import lookup
from cloud_controller.api.downloads import redirect
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.blobstore import bits
from cloud_controller.blobstore import contract as blobs
from cloud_controller.filters import one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body, or_else
from cloud_controller.presenters import builds as bodies
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, patch, post

LISTING = Listing(
    "package",
    t.packages,
    bodies.packages,
    filters={
        "states": one_of(t.packages.c.state),
        "types": one_of(t.packages.c.type),
        "app_guids": one_of(t.packages.c.app_guid),
        "space_guids": within_filter(t.packages.c.app_guid, t.apps.c.guid, t.apps.c.space_guid),
    },
)
MATCH_LIMIT = 1000


def index(call: Call) -> Reply:
    """List."""
    return answer(call, LISTING, *lookup.visible_apps(call, t.packages.c.app_guid))


def of_app(call: Call) -> Reply:
    """The packages of an app."""
    app, _ = lookup.app(call)
    return answer(call, LISTING, t.packages.c.app_guid == app["guid"])


def create(call: Call) -> Reply:
    """Create, or copy that of another app."""
    if call.parameter("source_guid"):
        return _copy(call)
    body = Body(call.json(), ("type", "relationships", "data", "metadata"))
    kind, app_guid, metadata = body.choice("type", ("bits", "docker")), body.to_one("app"), body.metadata()
    if not body.has("type"):
        body.note("Type must be one of 'bits, docker'")
    body.finish()
    app, space = _app(call, app_guid)
    if (app["lifecycle_type"] == "docker") != (kind == "docker"):
        raise errors.unprocessable(f"Cannot create {kind} package for a {app['lifecycle_type']} app.")
    values = _docker_values(call, body) if kind == "docker" else {"state": "AWAITING_UPLOAD"}
    made = call.store.insert(t.packages, app_guid=app["guid"], type=kind, **values)
    labels.change(call.store, "package", made["guid"], metadata)
    data = {"package_guid": made["guid"], "request": {"type": kind}}
    events.record(call.store, call.who, "audit.app.package.create", ("app", app), space=space, data=data)
    return one(call, LISTING, made, 201)


def _app(call: Call, guid: str | None) -> tuple[Record, Record]:
    app = call.store.find(t.apps, guid)
    space = call.store.find(t.spaces, app["space_guid"]) if app else None
    if app is None or space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("App is invalid. Ensure it exists and you have access to it.")
    call.access.require_space(space, "write")
    return app, space


def _docker_values(call: Call, body: Body) -> Record:
    flags.require(call.store, call.who, "diego_docker")
    data = body.inner("data", ("image", "username", "password"))
    image = data.name("image", limit=4096)
    username, password = or_else(data.text("username"), ""), or_else(data.text("password"), "")
    body.finish()
    sealed = call.store.vault.seal(password) if password else None
    return {"state": "READY", "image": image, "username": username or None, "password_sealed": sealed}


def _copy(call: Call) -> Reply:
    source, _, _ = lookup.of_app(call, t.packages, "Package", "write", guid=call.parameter("source_guid"))
    body = Body(call.json(), ("relationships", "metadata"))
    app_guid = body.to_one("app")
    body.finish()
    app, space = _app(call, app_guid)
    if source["app_guid"] == app["guid"]:
        raise errors.unprocessable("Source and destination app cannot be the same.")
    names = ("type", "state", "sha256", "image", "username", "password_sealed")
    made = call.store.insert(t.packages, app_guid=app["guid"], **{name: source[name] for name in names})
    if source["blob_key"]:
        with tempfile.TemporaryDirectory(prefix="copy-") as folder:
            path = call.services.blobs.local(blobs.PACKAGES, source["blob_key"]) or Path(folder) / "bits"
            if not path.exists():
                call.services.blobs.fetch(blobs.PACKAGES, source["blob_key"], path)
            call.services.blobs.put(blobs.PACKAGES, made["guid"], path)
        call.store.change(t.packages, made["guid"], blob_key=made["guid"])
    data = {"package_guid": made["guid"], "request": {"source_package_guid": source["guid"]}}
    events.record(call.store, call.who, "audit.app.package.create", ("app", app), space=space, data=data)
    return one(call, LISTING, call.store.find(t.packages, made["guid"]) or made, 201)


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, lookup.of_app(call, t.packages, "Package")[0])


def update(call: Call) -> Reply:
    """Label."""
    package, _, _ = lookup.of_app(call, t.packages, "Package", "write")
    body = Body(call.json(), ("metadata", "username", "password"))
    metadata = body.metadata()
    body.finish()
    labels.change(call.store, "package", package["guid"], metadata)
    return one(call, LISTING, package)


def upload(call: Call) -> Reply:
    """Receive the bits; the package is ready in the answer, which spares clients their first wait."""
    package, app, space = lookup.of_app(call, t.packages, "Package", "write")
    flags.require(call.store, call.who, "app_bits_upload")
    if package["type"] != "bits":
        raise errors.unprocessable("Package type must be bits.")
    if package["state"] != "AWAITING_UPLOAD":
        raise errors.bad_request("Bits may be uploaded only once. Create a new package to upload different bits.")
    received = call.upload
    if received is None or not (received.files or received.fields.get("resources")):
        raise errors.unprocessable("Upload must include either resources or bits")
    resources = bits.parse_resources(received.fields.get("resources", "[]"))
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        whole = Path(folder) / "package.zip"
        digest = bits.assemble(call.services.blobs, call.config.blobstore, received.files.get("bits"), resources, whole)
        call.services.blobs.put(blobs.PACKAGES, package["guid"], whole)
    call.store.change(t.packages, package["guid"], state="READY", sha256=digest, blob_key=package["guid"])
    events.record(
        call.store,
        call.who,
        "audit.app.package.upload",
        ("app", app),
        space=space,
        data={"package_guid": package["guid"]},
    )
    return one(call, LISTING, call.store.find(t.packages, package["guid"]) or package)


def download(call: Call) -> Reply:
    """Send the bits."""
    package, _, space = lookup.of_app(call, t.packages, "Package")
    call.access.require_space(space, "read_secrets")
    if package["type"] != "bits" or not package["blob_key"]:
        raise errors.unprocessable("Package has no bits to download.")
    return redirect(call, blobs.PACKAGES, package["blob_key"])


def remove(call: Call) -> Reply:
    """Delete, as a job."""
    package, _, _ = lookup.of_app(call, t.packages, "Package", "write")
    return job_started(call, queue.enqueue(call.store, call.who, "package.delete", ("package", package["guid"])))


def match(call: Call) -> Reply:
    """Which of the client's files we have."""
    body = Body(call.json(), ("resources",))
    raw = body.items("resources")
    if not isinstance(raw, list) or not raw:
        body.note("Resources must have at least 1 resource")
    elif len(raw) > MATCH_LIMIT:
        body.note(f"Resources is too many (maximum is {MATCH_LIMIT} resources)")
    body.finish()
    if not isinstance(raw, list) or not flags.enabled(call.store, "resource_matching"):
        return Reply(201, {"resources": []})
    try:
        asked = [(bits.Resource(e.get("path", ""), 0, e["checksum"]["value"], int(e["size_in_bytes"])), e) for e in raw]
    except (KeyError, TypeError, ValueError) as error:
        raise errors.unprocessable("Resources are invalid: each needs a checksum and a size_in_bytes") from error
    known = {
        resource.sha1 for resource in bits.matches(call.services.blobs, call.config.blobstore, [r for r, _ in asked])
    }
    return Reply(201, {"resources": [entry for resource, entry in asked if resource.sha1 in known]})


_ONE = "/v3/packages/{guid}"
ROUTES: list[Route] = [
    get("/v3/packages", index),
    post("/v3/packages", create),
    get("/v3/apps/{guid}/packages", of_app),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    post(f"{_ONE}/upload", upload, upload=True),
    get(f"{_ONE}/download", download),
    post("/v3/resource_matches", match),
]
