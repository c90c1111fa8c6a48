"""What requests say about apps and processes; manifests say the same in other words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from cloud_controller import errors
from cloud_controller.actions import flags, staging
from cloud_controller.config import Config
from cloud_controller.messages.body import Body, given
from cloud_controller.state import tables as t
from cloud_controller.state.labels import Metadata
from cloud_controller.state.store import Record, Store
from cloud_controller.web.call import Call

HEALTH_CHECKS = ("port", "process", "http")
VARIABLE_NAME_LIMIT = 4096
_PATH = re.compile(r"^/\S*$")


def environment_problems(variables: Mapping[str, Any]) -> list[str]:
    """Why environment variables cannot be set (cloud_controller_ng: validators.rb)."""
    found = []
    for name, value in variables.items():
        if not isinstance(name, str) or not name:
            found.append("key must be a minimum length of 1")
        elif name.upper().startswith("VCAP_"):
            found.append("cannot start with VCAP_")
        elif name.upper().startswith("VMC"):
            found.append("cannot start with VMC")
        elif name.upper() == "PORT":
            found.append("cannot set PORT")
        elif isinstance(value, dict | list):
            found.append(f"Non-string value in environment variable for key '{name}', value '{value}'")
    return found


def check_environment(body: Body, variables: Any, title: str = "Environment variables") -> None:
    """Note what is wrong with environment variables."""
    if not isinstance(variables, dict):
        body.note(f"{title} must be an object")
        return
    for problem in environment_problems(variables):
        body.note(problem if problem.startswith("Non-string") else f"{title} {problem}")


def merged_environment(existing: Record, update: Mapping[str, Any]) -> Record:
    """Variables after an update: null takes one away, everything else becomes text."""
    merged = {**existing, **{name: as_text(value) for name, value in update.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def as_text(value: Any) -> str | None:
    """A variable as it is kept."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def read_lifecycle(call: Call, body: Body, *, existing: Record | None = None) -> Record:
    """The columns that a ``lifecycle`` sets.

    Raises:
        ApiError: an unknown buildpack or stack, or a kind that is switched off.
    """
    raw = body.mapping("lifecycle")
    if not isinstance(raw, dict):
        return {}
    inner = body.inner("lifecycle", ("type", "data"))
    kind = (
        inner.choice("type", ("buildpack", "docker", "cnb"))
        if "type" in raw
        else (existing or {}).get("lifecycle_type", "buildpack")
    )
    data = inner.mapping("data")
    body.finish()
    if existing and kind != existing["lifecycle_type"]:
        raise errors.unprocessable("Lifecycle type cannot be changed")
    return lifecycle_columns(
        call.store, call.config, str(kind), data if isinstance(data, dict) else {}, fresh=existing is None
    )


def lifecycle_columns(store: Store, config: Config, kind: str, data: Mapping[str, Any], *, fresh: bool) -> Record:
    """The columns of a lifecycle; ``fresh`` ones get the default stack.

    Raises:
        ApiError: an unknown buildpack or stack, or a kind that is not supported.
    """
    if kind == "docker":
        return {"lifecycle_type": "docker", "buildpacks": None, "stack": None}
    if kind == "cnb":
        raise errors.ApiError(
            400, errors.Problem(320007, "CF-CNBDisabled", "Cloud Native Buildpacks support has not been enabled.")
        )
    columns: Record = {"lifecycle_type": kind}
    if fresh or "buildpacks" in data:
        names = list(data.get("buildpacks") or [])
        staging.check_buildpacks(store, kind, names)
        columns["buildpacks"] = names
    if fresh or "stack" in data:
        columns["stack"] = data.get("stack") or config.defaults.stack
        _check_stack(store, columns["stack"])
    return columns


def _check_stack(store: Store, name: Any) -> None:
    stack = store.find_by(t.stacks, name=name)
    if stack is None:
        raise errors.unprocessable("Stack must be an existing stack")
    if stack["state"] == "DISABLED":
        raise errors.unprocessable(
            f"ERROR: Staging failed. The stack '{name}' is disabled and cannot be used for staging new applications."
        )


def require_docker(store: Store, kind: str, call: Call) -> None:
    """Refuse docker while the flag is off."""
    if kind == "docker" and not call.who.is_admin:
        flags.require(store, call.who, "diego_docker")


def read_process(body: Body, config: Config) -> tuple[Record, Metadata]:
    """The columns and the metadata that a process update sets."""
    columns = given(command=body.text("command"), user=body.text("user", limit=255))
    if columns.get("command") == "":
        body.note("Command must have between 1 and 4096 characters")
    columns |= read_health_check(body, config) | read_readiness(body)
    return columns, body.metadata()


_HEALTH_DATA = ("timeout", "invocation_timeout", "interval", "endpoint")
_READINESS_DATA = ("invocation_timeout", "interval", "endpoint")


def read_health_check(body: Body, config: Config) -> Record:
    """The columns that a ``health_check`` sets."""
    if not isinstance(body.raw("health_check"), dict):
        return {}
    check = body.inner("health_check", ("type", "data"))
    data = check.inner("data", _HEALTH_DATA)
    limit = config.defaults.maximum_health_check_timeout
    columns = given(
        health_check_type=check.choice("type", HEALTH_CHECKS),
        health_check_timeout=data.integer("timeout", minimum=1, maximum=limit),
        health_check_invocation_timeout=data.integer("invocation_timeout", minimum=1),
        health_check_interval=data.integer("interval", minimum=1),
        health_check_endpoint=_endpoint(data),
    )
    return _only_http(columns, "health_check_type", "health_check_endpoint")


def read_readiness(body: Body) -> Record:
    """The columns that a ``readiness_health_check`` sets."""
    if not isinstance(body.raw("readiness_health_check"), dict):
        return {}
    check = body.inner("readiness_health_check", ("type", "data"))
    data = check.inner("data", _READINESS_DATA)
    columns = given(
        readiness_type=check.choice("type", HEALTH_CHECKS),
        readiness_invocation_timeout=data.integer("invocation_timeout", minimum=1),
        readiness_interval=data.integer("interval", minimum=1),
        readiness_endpoint=_endpoint(data),
    )
    return _only_http(columns, "readiness_type", "readiness_endpoint")


def _endpoint(data: Body) -> Any:
    value = data.text("endpoint", limit=255)
    if isinstance(value, str) and not _PATH.match(value):
        data.note("Endpoint must be a valid URI path")
    return value


def _only_http(columns: Record, kind: str, endpoint: str) -> Record:
    # An endpoint outlives neither its type nor its absence: http without one asks for /.
    if columns.get(kind) == "http":
        columns[endpoint] = columns.get(endpoint) or "/"
    elif kind in columns:
        columns[endpoint] = None
    return columns


def read_scale(body: Body, config: Config) -> Record:
    """The columns that scaling sets."""
    columns = given(
        instances=body.integer("instances"),
        memory_in_mb=body.integer("memory_in_mb", minimum=1),
        disk_in_mb=body.integer("disk_in_mb", minimum=1, maximum=config.defaults.maximum_disk_in_mb),
        log_rate_limit=body.integer("log_rate_limit_in_bytes_per_second", minimum=-1),
    )
    return {name: value for name, value in columns.items() if value is not None and value is not UNSET}
