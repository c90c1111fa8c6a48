"""Cloud check and errands of a deployment (bosh: deployments_controller.rb, problem_manager.rb)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply, yaml_object
from bosh.director.api.enqueue import enqueue
from bosh.director.api.information import is_resurrection_paused
from bosh.state import records
from bosh.wire.errors import BoshError, ValidationInvalidType

_JSON = ("application/json",)


class CloudcheckResurrectionPaused(BoshError):
    code = 410004


def scan(call: Call) -> Response:
    deployment = call.deployment("admin")
    return enqueue(call, "cck_scan", "scan cloud", {}, deployment=deployment.name)


def problems(call: Call) -> Response:
    deployment = call.deployment("admin")
    return json_reply(
        [
            {
                "id": problem.id,
                "type": problem.type,
                "data": problem.data,
                "description": problem.description,
                "resolutions": problem.resolutions,
                "instance_group": problem.instance_group,
            }
            for problem in call.store.problems.list(deployment=deployment.name, state="open")
        ]
    )


async def resolve(call: Call) -> Response:
    deployment, payload = call.deployment("admin"), await call.json_object()
    arguments = {
        "resolutions": _map(payload, "resolutions"),
        "max_in_flight_overrides": _map(payload, "max_in_flight_overrides"),
    }
    return enqueue(call, "cck_apply", "apply resolutions", arguments, deployment=deployment.name)


def _map(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key) or {}
    if not isinstance(value, dict):
        raise ValidationInvalidType(f"'{key}' must be a map")
    return value


async def scan_and_fix(call: Call) -> Response:
    """The health monitor's resurrector asks for its dead instances."""
    deployment, payload = call.deployment("admin"), await call.json_object()
    if is_resurrection_paused(call):
        raise CloudcheckResurrectionPaused("Resurrector is paused")
    jobs = [[group, str(each)] for group, members in _map(payload, "jobs").items() for each in members]
    return enqueue(call, "cck_scan_and_fix", "scan and fix", {"jobs": jobs}, deployment=deployment.name)


# --- errands


def errands(call: Call) -> Response:
    """Groups that are errands, and jobs that can run as one on any instance."""
    deployment = call.deployment("read")
    names: dict[str, None] = {}
    groups = yaml_object(deployment.manifest).get("instance_groups") if deployment.manifest else []
    for group in groups or []:
        if group.get("lifecycle") == "errand":
            names[group["name"]] = None
    runnable = _runnable_jobs(call, deployment)
    for group in groups or []:
        for job in group.get("jobs") or []:
            if (job.get("release"), job["name"]) in runnable:
                names[job["name"]] = None
    return json_reply([{"name": name} for name in names])


def _runnable_jobs(call: Call, deployment: records.Deployment) -> set[tuple[str, str]]:
    """(release, job) of the deployment's releases whose job has ``bin/run``."""
    found = set()
    for release in deployment.releases:
        version = str(release["version"])
        for template in call.store.job_templates.list(release=release["name"], release_version=version):
            targets = (template.spec.get("templates") or {}).values()
            if {"bin/run", "bin/run.ps1"} & set(targets):
                found.add((template.release, template.name))
    return found


async def run_errand(call: Call) -> Response:
    deployment, payload = call.deployment("admin"), await call.json_object()
    errand = call.path("errand")
    arguments = {
        "errand": errand,
        "keep_alive": payload.get("keep-alive") is True,
        "when_changed": payload.get("when-changed") is True,
        "instances": payload.get("instances") or [],
    }
    description = f"run errand {errand} from deployment {deployment.name}"
    return enqueue(call, "run_errand", description, arguments, deployment=deployment.name)


_D = "/deployments/{deployment}"

ENDPOINTS: list[Endpoint] = [
    endpoint("POST", f"{_D}/scans", scan, ""),
    endpoint("GET", f"{_D}/problems", problems, ""),
    endpoint("PUT", f"{_D}/problems", resolve, "", consumes=_JSON),
    endpoint("PUT", f"{_D}/scan_and_fix", scan_and_fix, "", consumes=_JSON),
    endpoint("GET", f"{_D}/errands", errands, ""),
    endpoint("POST", f"{_D}/errands/{{errand}}/runs", run_errand, ""),
]
