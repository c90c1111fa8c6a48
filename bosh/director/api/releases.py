"""/releases and /packages (bosh: releases_controller.rb, release_manager.rb, packages_controller.rb)."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import FileResponse, Response

from bosh.clients.blobstore import blob_path
from bosh.director import places
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, json_reply, yaml_object
from bosh.director.api.enqueue import enqueue
from bosh.director.api.uploads import BODY, receive
from bosh.release import version as versions
from bosh.state import records
from bosh.wire.errors import (
    BadManifest,
    ReleaseNotFound,
    ReleaseVersionInvalid,
    ReleaseVersionNotFound,
    ValidationMissingField,
)

_OLD_DEV = re.compile(r"(.*)\.(\d+)-dev\Z")


def _release(call: Call) -> records.Release:
    name = call.path("name").strip()
    release = call.store.releases.get(name=name)
    if release is None:
        raise ReleaseNotFound(f"Release '{name}' doesn't exist")
    return release


def in_order(rows: Any) -> list[records.ReleaseVersion]:
    """Oldest version first."""
    return sorted(rows, key=lambda row: versions.parse(row.version))


def listed(call: Call) -> Response:
    deployed = {
        (used["name"], str(used["version"])) for each in call.store.deployments.list() for used in each.releases
    }
    jobs: dict[tuple[str, str], list[str]] = {}
    for template in call.store.job_templates.list():
        jobs.setdefault((template.release, template.release_version), []).append(template.name)
    by_release: dict[str, list[records.ReleaseVersion]] = {}
    for row in call.store.release_versions.list():
        by_release.setdefault(row.release, []).append(row)
    return json_reply(
        [
            {
                "name": name,
                "release_versions": [
                    {
                        "version": row.version,
                        "commit_hash": row.commit_hash,
                        "uncommitted_changes": row.uncommitted_changes,
                        "currently_deployed": (name, row.version) in deployed,
                        "job_names": jobs.get((name, row.version), []),
                    }
                    for row in in_order(by_release.get(name, []))
                ],
            }
            for name in sorted(release.name for release in call.store.releases.list())
        ]
    )


def find_version(call: Call, release: str, text: str) -> records.ReleaseVersion:
    """Also by the old spelling of development versions, ``1.2-dev``. Raises ReleaseVersionInvalid, ReleaseVersionNotFound."""
    found = call.store.release_versions.get(release=release, version=text)
    if found is not None:
        return found
    old = _OLD_DEV.match(text)
    try:
        modern = str(versions.parse(f"{old[1]}+dev.{old[2]}" if old else text))
    except ValueError as error:
        raise ReleaseVersionInvalid(f"Release version invalid: {text}") from error
    found = call.store.release_versions.get(release=release, version=modern)
    if found is None:
        raise ReleaseVersionNotFound(f"Release version '{release}/{text}' doesn't exist")
    return found


def one(call: Call) -> Response:
    release = _release(call)
    if call.query("version"):
        return json_reply(_inspected(call, find_version(call, release.name, call.query("version"))))
    packages = {(row.name, row.fingerprint): row for row in call.store.packages.list(release=release.name)}
    jobs = {(row.name, row.fingerprint): row for row in call.store.job_templates.list(release=release.name)}
    return json_reply(
        {
            "packages": [
                {"name": row.name, "sha1": row.sha1, "version": row.fingerprint, "dependencies": row.dependencies}
                for row in packages.values()
            ],
            "jobs": [
                {"name": r.name, "sha1": r.sha1, "version": r.fingerprint, "packages": r.spec.get("packages") or []}
                for r in jobs.values()
            ],
            "versions": [row.version for row in call.store.release_versions.list(release=release.name)],
        }
    )


def _inspected(call: Call, version: records.ReleaseVersion) -> dict[str, Any]:
    which: dict[str, Any] = {"release": version.release, "release_version": version.version}
    jobs = sorted(call.store.job_templates.list(**which), key=lambda row: row.name)
    packages = sorted(call.store.packages.list(**which), key=lambda row: row.name)
    return {
        "jobs": [
            {
                "name": row.name,
                "blobstore_id": row.blobstore_id,
                "sha1": row.sha1,
                "fingerprint": row.fingerprint,
                "consumes": row.spec.get("consumes") or [],
                "provides": row.spec.get("provides") or [],
            }
            for row in jobs
        ],
        "packages": [
            {
                "name": row.name,
                "blobstore_id": row.blobstore_id or None,
                "sha1": row.sha1 or None,
                "fingerprint": row.fingerprint,
                "compiled_packages": _compiled(call, row),
            }
            for row in packages
        ],
    }


def _compiled(call: Call, package: records.Package) -> list[dict[str, str]]:
    rows = call.store.compiled_packages.list(package_name=package.name, package_fingerprint=package.fingerprint)
    return [
        {
            "stemcell": f"{row.stemcell_os}/{row.stemcell_version}",
            "sha1": row.sha1,
            "blobstore_id": row.blobstore_id,
        }
        for row in sorted(rows, key=lambda row: (row.stemcell_os, row.stemcell_version))
    ]


# --- upload, delete, export


async def upload_url(call: Call) -> Response:
    payload = await call.json_object()
    if payload.get("sha1") and call.query("sha1"):
        raise Answer(400, "Sha1 provided in multiple places")
    if not isinstance(payload.get("location"), str):
        raise ValidationMissingField("Missing 'location' field")
    return _enqueue(call, location=payload["location"], sha1=str(payload.get("sha1") or call.query("sha1")))


async def upload(call: Call) -> Response:
    return _enqueue(call, path=str(await receive(call)), sha1=call.query("sha1"))


def _enqueue(call: Call, *, path: str = "", location: str = "", sha1: str = "") -> Response:
    arguments = {
        "path": path,
        "location": location,
        "sha1": sha1,
        "rebase": call.flag("rebase"),
        "fix": call.flag("fix"),
    }
    return enqueue(call, "update_release", "create release", arguments)


def delete(call: Call) -> Response:
    release = _release(call)
    arguments = {"name": release.name, "version": call.query("version"), "force": call.flag("force")}
    return enqueue(call, "delete_release", f"delete release: {release.name}", arguments)


async def export(call: Call) -> Response:
    payload = await call.json_object()
    deployment = call.deployment("admin", str(payload.get("deployment_name", "")))
    names = ("release_name", "release_version", "stemcell_os", "stemcell_version")
    for name in names:
        if not payload.get(name):
            raise ValidationMissingField(f"Missing '{name}' field")
    arguments: dict[str, Any] = {name: str(payload[name]) for name in names}
    arguments |= {"sha2": payload.get("sha2") is True, "jobs": payload.get("jobs") or []}
    release = f"{arguments['release_name']}/{arguments['release_version']}"
    stemcell = f"{arguments['stemcell_os']}/{arguments['stemcell_version']}"
    description = f"export release: '{release}' for '{stemcell}'"
    return enqueue(call, "export_release", description, arguments, deployment=deployment.name)


# --- what need not be uploaded


async def _entries(call: Call, section: str) -> list[dict[str, Any]]:
    entries = yaml_object(await call.text()).get(section)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadManifest("Manifest doesn't have a usable packages section")
    return entries


async def matches(call: Call) -> Response:
    """Fingerprints of source packages that are here already, under whichever release."""
    wanted = [str(entry["fingerprint"]) for entry in await _entries(call, "packages") if entry.get("fingerprint")]
    have = {row.fingerprint for row in call.store.packages.list(fingerprint=wanted) if row.blobstore_id and row.sha1}
    return json_reply([each for each in dict.fromkeys(wanted) if each in have])


async def matches_compiled(call: Call) -> Response:
    """Fingerprints of compiled packages of which every mention is here already."""
    from bosh.director.release_rows import compiled_key, dependency_keys

    entries = await _entries(call, "compiled_packages")
    keys = dependency_keys(entries)
    here, missing = [], set()
    for entry in entries:
        if call.store.compiled_packages.get(**compiled_key(entry, keys[entry["name"]])) is None:
            missing.add(entry["fingerprint"])
        else:
            here.append(entry["fingerprint"])
    return json_reply([each for each in dict.fromkeys(here) if each not in missing])


def package_blob(call: Call) -> Response:
    blob_id = call.path("id")
    known = call.store.packages.count(blobstore_id=blob_id) or call.store.compiled_packages.count(blobstore_id=blob_id)
    if not known:
        raise Answer(400, f"Package with blobstore id: {blob_id} does not exist")
    path = blob_path(places.blobs(call.desk.config), blob_id)
    return FileResponse(path, filename=f"package-blob-{blob_id}")


_JSON = ("application/json",)
_YAML = ("text/yaml", "application/x-yaml")

ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/releases", listed, "read_releases"),
    endpoint("POST", "/releases", upload_url, "upload_releases", consumes=_JSON),
    endpoint("POST", "/releases", upload, "upload_releases", consumes=BODY),
    endpoint("POST", "/releases/export", export, "", consumes=_JSON),
    endpoint("GET", "/releases/{name}", one, "read_releases"),
    endpoint("DELETE", "/releases/{name}", delete),
    endpoint("POST", "/packages/matches", matches, consumes=_YAML),
    endpoint("POST", "/packages/matches_compiled", matches_compiled, consumes=_YAML),
    endpoint("GET", "/packages/blobs/{id}", package_blob, "read"),
]
