"""Apps: made, changed, started, stopped, deleted; droplets assigned."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, processes, revisions
from cloud_controller.auth.tokens import Identity
from cloud_controller.blobstore import contract as blobs
from cloud_controller.config import Config
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


def create(store: Store, config: Config, who: Identity | None, space: Record, name: str, **settings: Any) -> Record:
    """A new, stopped app with a web process.

    Raises:
        ApiError: the name is taken in the space.
    """
    refuse_taken_name(store, space["guid"], name)
    lifecycle = {"lifecycle_type": "buildpack", "buildpacks": [], "stack": config.defaults.stack}
    defaults = {**lifecycle, "state": "STOPPED", "enable_ssh": config.defaults.enable_ssh}
    app = store.insert(t.apps, name=name, space_guid=space["guid"], **{**defaults, **settings})
    processes.create(store, config, app, processes.WEB)
    events.record(store, who, "audit.app.create", ("app", app), space=space, data={"request": {"name": name}})
    return app


def refuse_taken_name(store: Store, space_guid: str, name: str) -> None:
    """Raise UniquenessError when an app of the space has this name."""
    if store.find_by(t.apps, space_guid=space_guid, name=name):
        raise errors.uniqueness(f"App with the name '{name}' already exists.")


def set_droplet(store: Store, config: Config, who: Identity | None, app: Record, droplet: Record) -> Record:
    """Make a droplet the one that runs from the next start on; process types and sidecars it brings appear.

    Raises:
        ApiError: the droplet belongs to another app or is not staged.
    """
    if droplet["app_guid"] != app["guid"] or droplet["state"] != "STAGED":
        raise errors.unprocessable(
            "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."
        )
    store.change(t.apps, app["guid"], droplet_guid=droplet["guid"])
    app = store.find(t.apps, app["guid"]) or app
    known = {process["type"] for process in processes.of_app(store, app["guid"])}
    for kind in droplet["process_types"] or {}:
        if kind not in known:
            processes.create(store, config, app, kind)
    _bring_sidecars(store, app, droplet)
    space = store.find(t.spaces, app["space_guid"])
    data = {"droplet_guid": droplet["guid"]}
    events.record(store, who, "audit.app.droplet.mapped", ("app", app), space=space, data=data)
    return app


def _bring_sidecars(store: Store, app: Record, droplet: Record) -> None:
    own = t.sidecars.c.app_guid == app["guid"]
    store.remove_where(t.sidecars, own, t.sidecars.c.origin == "buildpack")
    taken = set(store.column(sa.select(t.sidecars.c.name).where(own)))
    for sidecar in droplet["sidecars"] or []:
        if sidecar["name"] not in taken:
            store.insert(
                t.sidecars,
                app_guid=app["guid"],
                name=sidecar["name"],
                command=sidecar["command"],
                process_types=sidecar.get("process_types") or [],
                memory_in_mb=sidecar.get("memory"),
                origin="buildpack",
            )


def require_droplet(store: Store, app: Record) -> Record:
    """The current droplet.

    Raises:
        ApiError: there is none (clients know the sentence).
    """
    droplet = store.find(t.droplets, app["droplet_guid"])
    if droplet is None:
        raise errors.unprocessable("Assign a droplet before starting this app.")
    return droplet


def start(store: Store, who: Identity | None, app: Record, *, revision: Record | None = None) -> Record:
    """Run all processes; nothing happens to those that run.

    Raises:
        ApiError: no droplet, or a quota forbids it.
    """
    require_droplet(store, app)
    space = _space(store, app)
    revision = revision or revisions.resolve(store, who, app)
    store.change(t.apps, app["guid"], state="STARTED")
    for process in processes.of_app(store, app["guid"]):
        if process["state"] != "STARTED":
            processes.start(store, space, process, revision_guid=revision["guid"] if revision else None)
    _usage(store, app, space, "STARTED")
    events.record(store, who, "audit.app.start", ("app", app), space=space)
    return store.find(t.apps, app["guid"]) or app


def stop(store: Store, who: Identity | None, app: Record) -> Record:
    """Run no process any more."""
    space = _space(store, app)
    store.change(t.apps, app["guid"], state="STOPPED")
    for process in processes.of_app(store, app["guid"]):
        processes.stop(store, process)
    if app["state"] == "STARTED":
        _usage(store, app, space, "STOPPED")
    events.record(store, who, "audit.app.stop", ("app", app), space=space)
    return store.find(t.apps, app["guid"]) or app


def restart(store: Store, who: Identity | None, app: Record) -> Record:
    """New instances of all processes; the processes keep their guids.

    Raises:
        ApiError: no droplet, or a quota forbids it.
    """
    require_droplet(store, app)
    space = _space(store, app)
    revision = revisions.resolve(store, who, app)
    store.change(t.apps, app["guid"], state="STARTED")
    for process in processes.of_app(store, app["guid"]):
        processes.stop(store, process)
        processes.start(store, space, process, revision_guid=revision["guid"] if revision else None)
    events.record(store, who, "audit.app.restart", ("app", app), space=space)
    return store.find(t.apps, app["guid"]) or app


def _space(store: Store, app: Record) -> Record:
    space = store.find(t.spaces, app["space_guid"])
    if space is None:
        raise errors.not_found("Space")
    return space


def _usage(store: Store, app: Record, space: Record, state: str) -> None:
    previous = "STOPPED" if state == "STARTED" else "STARTED"
    for process in processes.of_app(store, app["guid"]):
        store.insert(
            t.app_usage_events,
            data={
                "state": {"current": state, "previous": previous},
                "app": {"guid": app["guid"], "name": app["name"]},
                "process": {"guid": process["guid"], "type": process["type"]},
                "space": {"guid": space["guid"], "name": space["name"]},
                "organization": {"guid": space["organization_guid"]},
                "buildpack": {"guid": None, "name": None},
                "task": {"guid": None, "name": None},
                "memory_in_mb_per_instance": {"current": process["memory_in_mb"], "previous": process["memory_in_mb"]},
                "instance_count": {"current": process["instances"], "previous": process["instances"]},
            },
        )


def delete(store: Store, who: Identity | None, app: Record) -> None:
    """The app and everything of it is gone: processes, packages, droplets, builds, tasks, bindings, mappings."""
    guid = app["guid"]
    space = _space(store, app)
    for process in processes.of_app(store, guid):
        processes.remove(store, process)
    for task in store.rows(
        sa.select(t.tasks).where(t.tasks.c.app_guid == guid, t.tasks.c.state.in_(("PENDING", "RUNNING")))
    ):
        store.later("cancel_task", task["guid"])
    for build in store.rows(sa.select(t.builds).where(t.builds.c.app_guid == guid, t.builds.c.state == "STAGING")):
        store.later("cancel_task", build["guid"])
    _forget_blobs(store, app)
    for kind, table in _PARTS.items():
        labels.forget(store, kind, store.column(sa.select(table.c.guid).where(table.c.app_guid == guid)))
    labels.forget(store, "app", [guid])
    store.remove(t.apps, guid)
    events.record(store, who, "audit.app.delete-request", ("app", app), space=space)


_PARTS = {
    "package": t.packages,
    "build": t.builds,
    "droplet": t.droplets,
    "revision": t.revisions,
    "deployment": t.deployments,
    "task": t.tasks,
    "service_credential_binding": t.service_credential_bindings,
}


def _forget_blobs(store: Store, app: Record) -> None:
    for bucket, table in ((blobs.PACKAGES, t.packages), (blobs.DROPLETS, t.droplets)):
        query = sa.select(table.c.blob_key).where(table.c.app_guid == app["guid"], table.c.blob_key.is_not(None))
        for key in store.column(query):
            store.later("delete_blob", key, bucket)
    store.later("delete_blob", cache_key(app), blobs.BUILDPACK_CACHE)


def cache_key(app: Record) -> str:
    """Where an app's build cache is kept; caches of different stacks do not mix."""
    return f"{app['guid']}-{app['stack'] or 'none'}"
