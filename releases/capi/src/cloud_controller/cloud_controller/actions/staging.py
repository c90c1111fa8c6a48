"""Builds: begun, completed, failed; the limits of what is kept."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events
from cloud_controller.auth.tokens import Identity
from cloud_controller.blobstore import contract as blobs
from cloud_controller.config import Config
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

# Exit status at the end of the cell's sentence -> error id (cloud_controller_ng: failure_reason_sanitizer.rb).
_EXIT_ERRORS = {
    "222": "NoAppDetectedError",
    "223": "BuildpackCompileFailed",
    "224": "BuildpackReleaseFailed",
    "225": "BuildpackSupplyFailed",
    "226": "BuildpackFinalizeFailed",
    "231": "CNBGenericBuildFailed",
    "232": "CNBDownloadBuildpackFailed",
    "233": "CNBDetectFailed",
    "234": "CNBBuildFailed",
    "235": "CNBExportFailed",
    "236": "CNBLaunchFailed",
    "237": "CNBRestoreFailed",
}
_TEXTS = {
    "NoAppDetectedError": "An app was not successfully detected by any available buildpack",
    "BuildpackCompileFailed": "App staging failed in the buildpack compile phase",
    "BuildpackReleaseFailed": "App staging failed in the buildpack release phase",
    "BuildpackSupplyFailed": "App staging failed in the buildpack supply phase",
    "BuildpackFinalizeFailed": "App staging failed in the buildpack finalize phase",
    "StagingTimeExpired": "Staging time expired",
}
_GIT_OR_ZIP = re.compile(r"^(https?|git|ssh)://\S+$|^git@\S+:\S+$")
_CNB = re.compile(r"^(docker|https?|urn)://?\S+$|^\S+/\S+(:\S+|@\S+)?$")


def is_buildpack_url(text: str) -> bool:
    """Whether a buildpack is fetched from an address instead of being installed."""
    return bool(_GIT_OR_ZIP.match(text))


def check_buildpacks(store: Store, kind: str, names: list[str]) -> None:
    """Refuse buildpacks that do not exist.

    Raises:
        ApiError: with the sentence that clients know.
    """
    for name in names:
        known = _CNB.match(name) if kind == "cnb" else is_buildpack_url(name)
        if not known and not store.find_by(t.buildpacks, name=name, lifecycle=kind):
            raise errors.unprocessable(f'Buildpack "{name}" must be an existing admin buildpack or a valid git URI')


def sanitize(reason: str) -> tuple[str, str]:
    """Error id and text for the cell's reason of a failed staging task."""
    for status, name in _EXIT_ERRORS.items():
        if reason.endswith(status):
            return name, _TEXTS.get(name, "staging failed")
    if reason.startswith("insufficient resources"):
        return "InsufficientResources", reason
    if reason.startswith("found no compatible cell"):
        return "NoCompatibleCell", reason
    if reason == "unable to communicate to compatible cells":
        return "CellCommunicationError", reason
    if "time" in reason and ("exceeded" in reason or "expired" in reason):
        return "StagingTimeExpired", _TEXTS["StagingTimeExpired"]
    return "StagingError", "staging failed"


def begin(store: Store, config: Config, who: Identity, app: Record, package: Record, settings: Record) -> Record:
    """A new build; its staging task starts after the transaction.

    Raises:
        ApiError: the package is not ready, or it is being staged.
    """
    if package["state"] != "READY":
        raise errors.bad_request("Cannot stage package whose state is not ready.")
    if store.find_by(t.builds, package_guid=package["guid"], state="STAGING"):
        raise errors.staging_in_progress()
    lifecycle = {name: settings.get(name, app[name]) for name in ("lifecycle_type", "buildpacks", "stack")}
    staging = config.staging
    build = store.insert(
        t.builds,
        app_guid=app["guid"],
        package_guid=package["guid"],
        state="STAGING",
        **lifecycle,
        staging_memory_in_mb=max(settings.get("staging_memory_in_mb") or 0, staging.minimum_memory_in_mb),
        staging_disk_in_mb=max(settings.get("staging_disk_in_mb") or 0, staging.minimum_disk_in_mb),
        staging_log_rate_limit=settings.get("staging_log_rate_limit", staging.log_rate_limit),
        created_by_guid=who.guid,
        created_by_name=who.name,
        created_by_email=who.email,
    )
    store.later("stage", build["guid"])
    space = store.find(t.spaces, app["space_guid"])
    data = {"build_guid": build["guid"], "package_guid": package["guid"]}
    events.record(store, who, "audit.app.build.create", ("app", app), space=space, data=data)
    return build


class BadStagingResult(Exception):
    """A staging task's result that is not what the lifecycles write."""


def fail(store: Store, build: Record, error_id: str, text: str) -> None:
    """The build failed."""
    if build["state"] != "STAGING":
        return
    store.change(t.builds, build["guid"], state="FAILED", error_id=error_id, error_description=text)
    if build["droplet_guid"]:
        store.change(t.droplets, build["droplet_guid"], state="FAILED", error=f"{error_id} - {text}")


def complete(store: Store, build: Record, result_text: str) -> Record | None:
    """The builder is done: the droplet (uploaded before) is staged. Nothing if the build is over already.

    Raises:
        BadStagingResult: the result is not readable.
    """
    if build["state"] != "STAGING":
        return None
    try:
        result = msgspec.json.decode(result_text)
        kinds = dict(result["process_types"])
        details = dict(result.get("lifecycle_metadata") or {})
        metadata = str(result.get("execution_metadata") or "")
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise BadStagingResult("cannot read the result of staging") from error
    droplet = store.find(t.droplets, build["droplet_guid"]) or _docker_droplet(store, build)
    if droplet is None:
        fail(store, build, "StagingError", "no droplet")
        return None
    changes = {
        "state": "STAGED",
        "process_types": kinds,
        "execution_metadata": metadata,
        "sidecars": result.get("sidecars"),
        "buildpacks": None if build["lifecycle_type"] == "docker" else _used(details, build),
        "image": details.get("docker_image") or droplet["image"],
    }
    store.change(t.droplets, droplet["guid"], **changes)
    store.change(t.builds, build["guid"], state="STAGED", droplet_guid=droplet["guid"])
    _record_staged(store, build, droplet)
    return store.find(t.droplets, droplet["guid"])


def _record_staged(store: Store, build: Record, droplet: Record) -> None:
    app = store.find(t.apps, build["app_guid"])
    if app:
        space = store.find(t.spaces, app["space_guid"])
        data = {"droplet_guid": droplet["guid"], "package_guid": build["package_guid"]}
        events.record(store, None, "audit.app.droplet.create", ("app", app), space=space, data=data)


def _used(details: Record, build: Record) -> list[Record]:
    used = details.get("buildpacks")
    if used is None:
        used = [{"key": details.get("buildpack_key", ""), "name": details.get("detected_buildpack", "")}]
    asked = build["buildpacks"] or []
    return [_buildpack(entry, details, asked, index) for index, entry in enumerate(used)]


def _buildpack(entry: Record, details: Record, asked: list[str], index: int) -> Record:
    key = str(entry.get("key") or "")
    name = asked[index] if index < len(asked) else key
    return {
        "name": key if is_buildpack_url(key) else name.rpartition("_")[0] if not asked and _is_hash(name) else name,
        "detect_output": details.get("detected_buildpack") if index == 0 else None,
        "buildpack_name": entry.get("name"),
        "version": entry.get("version"),
    }


def _is_hash(key: str) -> bool:
    return bool(re.search(r"_[0-9a-f]{64}$", key))


def _docker_droplet(store: Store, build: Record) -> Record | None:
    if build["lifecycle_type"] != "docker":
        return None
    package = store.find(t.packages, build["package_guid"]) or {}
    return store.insert(
        t.droplets,
        app_guid=build["app_guid"],
        package_guid=build["package_guid"],
        build_guid=build["guid"],
        state="PROCESSING_UPLOAD",
        lifecycle_type="docker",
        image=package.get("image"),
        registry_username=package.get("username"),
        registry_password_sealed=package.get("password_sealed"),
    )


def keep_droplet(store: Store, build: Record, sha256: str, key: str) -> Record:
    """The cell uploaded the build's droplet."""
    return store.insert(
        t.droplets,
        app_guid=build["app_guid"],
        package_guid=build["package_guid"],
        build_guid=build["guid"],
        state="STAGING",
        lifecycle_type=build["lifecycle_type"],
        stack=build["stack"],
        sha256=sha256,
        blob_key=key,
    )


def expire(store: Store, app: Record, *, packages: int, droplets: int, builds: int) -> None:
    """Forget the oldest packages, droplets and builds of an app beyond the limits; what runs or may be rolled back to stays."""
    used = {
        app["droplet_guid"],
        *store.column(sa.select(t.revisions.c.droplet_guid).where(t.revisions.c.app_guid == app["guid"])),
    }
    old = _beyond(store, t.droplets, app, droplets, t.droplets.c.state == "STAGED")
    current = store.find(t.droplets, app["droplet_guid"])
    _forget(store, "droplet", t.droplets, blobs.DROPLETS, [row for row in old if row["guid"] not in used])
    kept_package = current["package_guid"] if current else None
    spare = _beyond(store, t.packages, app, packages, t.packages.c.state == "READY")
    _forget(store, "package", t.packages, blobs.PACKAGES, [row for row in spare if row["guid"] != kept_package])
    for row in _beyond(store, t.builds, app, builds, t.builds.c.state != "STAGING"):
        labels.forget(store, "build", [row["guid"]])
        store.remove(t.builds, row["guid"])


def _beyond(store: Store, table: Any, app: Record, keep: int, condition: sa.ColumnElement[bool]) -> list[Record]:
    query = sa.select(table).where(table.c.app_guid == app["guid"], condition).order_by(table.c.id.desc())
    return store.rows(query.offset(keep))


def _forget(store: Store, kind: str, table: sa.Table, bucket: str, rows: list[Record]) -> None:
    labels.forget(store, kind, [row["guid"] for row in rows])
    for row in rows:
        if row["blob_key"]:
            store.later("delete_blob", row["blob_key"], bucket)
        store.remove(table, row["guid"])
