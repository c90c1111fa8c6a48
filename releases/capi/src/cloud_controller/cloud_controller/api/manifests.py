"""Manifests: apply to a space or an app, show, compare."""

from __future__ import annotations

from typing import Any

import yaml

from cloud_controller import errors
from cloud_controller.api import lookup
from cloud_controller.jobs import queue
from cloud_controller.manifests import diff, parse, present
from cloud_controller.state import tables as t
from cloud_controller.web.call import Call, Reply, Route, get, job_started, post

YAML = "application/x-yaml"


def apply_to_space(call: Call) -> Reply:
    """Apply, as a job."""
    space = lookup.space(call, deed="write")
    applications = parse.applications(call.yaml())
    payload = {"applications": applications}
    return job_started(
        call, queue.enqueue(call.store, call.who, "space.apply_manifest", ("space", space["guid"]), payload)
    )


def apply_to_app(call: Call) -> Reply:
    """Apply to one app, as a job."""
    app, space = lookup.app(call, deed="write")
    applications = parse.applications(call.yaml())
    payload = {"applications": [{**applications[0], "name": app["name"]}]}
    return job_started(
        call, queue.enqueue(call.store, call.who, "space.apply_manifest", ("space", space["guid"]), payload)
    )


def compare(call: Call) -> Reply:
    """What applying would change."""
    space = lookup.space(call, deed="write")
    manifest: Any = call.yaml()
    if not isinstance(manifest, dict) or not isinstance(manifest.get("applications"), list):
        raise errors.unprocessable("Cannot parse manifest with no 'applications' field.")
    steps = []
    for index, entry in enumerate(manifest["applications"]):
        if not isinstance(entry, dict) or not entry.get("name"):
            raise errors.unprocessable("Found an application with no name specified")
        app = call.store.find_by(t.apps, space_guid=space["guid"], name=str(entry["name"]))
        existing = present.application(call.store, app) if app else {}
        steps += diff.compare(existing, entry, index)
    return Reply(201, {"diff": steps})


def show(call: Call) -> Reply:
    """An app's manifest."""
    app, space = lookup.app(call)
    call.access.require_space(space, "read_secrets")
    shown = {"applications": [present.application(call.store, app)]}
    text = "---\n" + yaml.safe_dump(shown, sort_keys=False, default_flow_style=False)
    return Reply(text=text, content_type=YAML)


ROUTES: list[Route] = [
    post("/v3/spaces/{guid}/actions/apply_manifest", apply_to_space),
    post("/v3/apps/{guid}/actions/apply_manifest", apply_to_app),
    post("/v3/spaces/{guid}/manifest_diff", compare),
    get("/v3/apps/{guid}/manifest", show),
]
