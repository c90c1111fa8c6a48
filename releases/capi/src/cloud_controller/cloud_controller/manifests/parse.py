"""Manifests: read and checked before anything is changed (cloud_controller_ng: app/messages/app_manifest_message.rb)."""

from __future__ import annotations

from typing import Any, Final

from cloud_controller import errors
from cloud_controller.manifests import units
from cloud_controller.messages.apps import HEALTH_CHECKS, environment_problems
from cloud_controller.messages.body import check_metadata
from cloud_controller.state.store import Record

# What a process may say, and the column it sets.
COLUMNS: Final = {
    "command": "command",
    "user": "user",
    "instances": "instances",
    "memory": "memory_in_mb",
    "disk_quota": "disk_in_mb",
    "disk-quota": "disk_in_mb",
    "log-rate-limit-per-second": "log_rate_limit",
    "timeout": "health_check_timeout",
    "health-check-type": "health_check_type",
    "health-check-http-endpoint": "health_check_endpoint",
    "health-check-invocation-timeout": "health_check_invocation_timeout",
    "health-check-interval": "health_check_interval",
    "readiness-health-check-type": "readiness_type",
    "readiness-health-check-http-endpoint": "readiness_endpoint",
    "readiness-health-check-invocation-timeout": "readiness_invocation_timeout",
    "readiness-health-check-interval": "readiness_interval",
}
_MEGABYTES: Final = frozenset({"memory", "disk_quota", "disk-quota"})
_NUMBERS: Final = {
    name: 0 if name == "instances" else 1 for name in COLUMNS if name.endswith(("timeout", "interval", "instances"))
}
FEATURES: Final = {
    "ssh": "enable_ssh",
    "revisions": "revisions_enabled",
    "service-binding-k8s": "service_binding_k8s",
    "file-based-vcap-services": "file_based_vcap_services",
}


def applications(manifest: Any) -> list[Record]:
    """The applications of a manifest.

    Raises:
        ApiError: 422 with everything that is wrong with any of them.
    """
    if not isinstance(manifest, dict):
        raise errors.parse_error("invalid request body")
    version = manifest.get("version", 1)
    if version != 1:
        raise errors.unprocessable(f"Unsupported manifest schema version: {version}. Only version 1 is supported.")
    listed = manifest.get("applications")
    if not isinstance(listed, list) or not listed or not all(isinstance(app, dict) for app in listed):
        raise errors.unprocessable("Cannot parse manifest with no 'applications' field.")
    names = [app.get("name") for app in listed]
    if not all(isinstance(name, str) and name for name in names):
        raise errors.unprocessable("Found an application with no name specified")
    problems = [f"For application '{app['name']}': {problem}" for app in listed for problem in problems_of(app)]
    if len(set(names)) != len(names):
        problems.append("Found applications with duplicate names")
    if problems:
        raise errors.unprocessable_each(problems)
    return listed


def problems_of(app: Record) -> list[str]:
    """What is wrong with one application."""
    found = _process_problems(app, 'Process "web": ')
    for process in _list(app, "processes", found):
        kind = process.get("type")
        if not kind:
            found.append("All Processes must specify a 'type' field")
        found += _process_problems(process, f'Process "{kind}": ')
    kinds = [process.get("type") for process in app.get("processes") or [] if isinstance(process, dict)]
    found += [
        f'Process "{kind}" may only be present once' for kind in sorted({str(k) for k in kinds if kinds.count(k) > 1})
    ]
    found += _route_problems(app, found) + _environment_problems(app) + _metadata_problems(app)
    found += _sidecar_problems(app, found) + _lifecycle_problems(app)
    features = app.get("features")
    if features is not None and not (
        isinstance(features, dict) and all(isinstance(value, bool) for value in features.values())
    ):
        found.append("Features must be a map of boolean values")
    elif features:
        found += [f"Features contains unknown feature '{name}'" for name in features if name not in FEATURES]
    return found


def _list(app: Record, key: str, found: list[str]) -> list[Record]:
    value = app.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        found.append(f"{key.capitalize()} must be an array of {key[:-1]} configurations")
        return []
    return value


def _process_problems(process: Record, prefix: str) -> list[str]:
    problems = []
    for name in COLUMNS:
        if name in process and process[name] is not None:
            problem = _value_problem(name, process[name])
            if problem:
                problems.append(f"{prefix}{_title(name)} {problem}")
    return problems


def _title(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").capitalize()


def _value_problem(name: str, value: Any) -> str:
    try:
        if name in _MEGABYTES:
            return "" if units.to_megabytes(value) > 0 else "must be greater than 0MB"
        if name == "log-rate-limit-per-second":
            units.rate(value)
            return ""
    except units.BadSize as error:
        return str(error)
    if name in _NUMBERS:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and value >= _NUMBERS[name] else f"must be greater than or equal to {_NUMBERS[name]}"
    if name.endswith("check-type") and value not in (*HEALTH_CHECKS, "none"):
        return 'must be "port", "process", or "http"'
    return "" if isinstance(value, str) else "must be a string"


def _route_problems(app: Record, found: list[str]) -> list[str]:
    problems = []
    for entry in _list(app, "routes", found):
        route = entry.get("route")
        if not isinstance(route, str) or not _is_route(route):
            problems.append(f"The route '{route}' is not a properly formed URL")
        if entry.get("protocol") not in {None, "http1", "http2", "tcp"}:
            problems.append("Route protocol must be 'http1', 'http2' or 'tcp'.")
    switches = ("no-route", "random-route", "default-route")
    problems += [
        f"{_title(name)} must be a boolean" for name in switches if name in app and not isinstance(app[name], bool)
    ]
    if app.get("random-route") and app.get("default-route"):
        problems.append("Random-route and default-route may not be used together")
    return problems


def _is_route(text: str) -> bool:
    host = text.partition("://")[2] or text
    name = host.partition("/")[0].partition(":")[0]
    return bool(name) and " " not in text and "." in name and ".." not in name


def _environment_problems(app: Record) -> list[str]:
    variables = app.get("env")
    if variables is None:
        return []
    if not isinstance(variables, dict):
        return ["Env must be an object of keys and values"]
    return [
        problem if problem.startswith("Non-string") else f"Env {problem}" for problem in environment_problems(variables)
    ]


def _metadata_problems(app: Record) -> list[str]:
    value = app.get("metadata")
    if value is None:
        return []
    if not isinstance(value, dict):
        return ["Metadata must be an object"]
    return [f"Metadata {problem}" for problem in check_metadata(value)[1]]


def _sidecar_problems(app: Record, found: list[str]) -> list[str]:
    problems = []
    for sidecar in _list(app, "sidecars", found):
        name = sidecar.get("name")
        missing = (field for field in ("name", "command", "process_types") if not sidecar.get(field))
        problems += [f'Sidecar "{name}": {_title(field)} can\'t be blank' for field in missing]
        if sidecar.get("memory") is not None:
            problem = _value_problem("memory", sidecar["memory"])
            problems += [f'Sidecar "{name}": Memory {problem}'] if problem else []
    return problems


def _lifecycle_problems(app: Record) -> list[str]:
    docker = app.get("docker")
    problems = []
    if docker is not None and not (isinstance(docker, dict) and isinstance(docker.get("image"), str)):
        problems.append("Docker must specify an image")
    if docker and (app.get("buildpack") or app.get("buildpacks")):
        problems.append("Cannot specify both buildpack(s) and docker keys")
    if app.get("buildpack") and app.get("buildpacks"):
        problems.append("Buildpack and Buildpacks fields cannot be used together.")
    if app.get("lifecycle") not in {None, "buildpack", "docker", "cnb"}:
        problems.append("Lifecycle must be 'buildpack', 'docker' or 'cnb'")
    buildpacks = app.get("buildpacks")
    if buildpacks is not None and not (
        isinstance(buildpacks, list) and all(isinstance(name, str) for name in buildpacks)
    ):
        problems.append("Buildpacks can only contain strings")
    return problems


def columns(process: Record) -> Record:
    """The columns that a process entry sets."""
    found: Record = {}
    for name, column in COLUMNS.items():
        if name in process:
            found[column] = _column(name, process[name])
    for kind, endpoint in (("health_check_type", "health_check_endpoint"), ("readiness_type", "readiness_endpoint")):
        if found.get(kind) == "http":
            found.setdefault(endpoint, "/")
        elif kind in found:
            found[endpoint] = None
    sized = {"memory_in_mb", "disk_in_mb", "log_rate_limit", "instances", "health_check_type", "readiness_type"}
    return {column: value for column, value in found.items() if value is not None or column not in sized}


def _column(name: str, value: Any) -> Any:
    if value is None or (name == "command" and value in {"default", "null"}):
        return None
    if name in _MEGABYTES:
        return units.to_megabytes(value)
    if name == "log-rate-limit-per-second":
        return units.rate(value)
    return "process" if value == "none" and name.endswith("check-type") else value


def processes(app: Record) -> dict[str, Record]:
    """What an application says of each process type; what it says itself is of ``web``."""
    found = {"web": columns(app)}
    for process in app.get("processes") or []:
        kind = str(process["type"])
        found[kind] = {**found.get(kind, {}), **columns(process)}
    return found
