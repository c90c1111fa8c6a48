"""Apps, processes, sidecars, revisions, tasks and deployments."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from cloud_controller.clock import stamp
from cloud_controller.presenters.common import href, metadata, times, to_one
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store
from cloud_controller.web.call import Call

HIDDEN_IN_LISTS: Final = "[PRIVATE DATA HIDDEN IN LISTS]"
HIDDEN: Final = "[PRIVATE DATA HIDDEN]"


def lifecycle(record: Record) -> Record:
    """The ``lifecycle`` part of apps, builds and droplets."""
    kind = record["lifecycle_type"]
    if kind == "docker":
        return {"type": "docker", "data": {}}
    data = {"buildpacks": record["buildpacks"] or [], "stack": record["stack"]}
    if kind == "cnb" and record.get("cnb_credentials_sealed"):
        data["credentials"] = "***"
    return {"type": kind, "data": data}


def apps(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of apps."""
    meta = metadata(call, "app", records)
    return [_app(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _app(call: Call, record: Record) -> Record:
    base = f"apps/{record['guid']}"
    parts = ("processes", "packages", "environment_variables", "droplets", "tasks", "revisions", "features")
    return {
        **times(record),
        "name": record["name"],
        "state": record["state"],
        "lifecycle": lifecycle(record),
        "relationships": {"space": to_one(record["space_guid"]), "current_droplet": to_one(record["droplet_guid"])},
        "links": {
            "self": href(call, base),
            "space": href(call, f"spaces/{record['space_guid']}"),
            **{part: href(call, f"{base}/{part}") for part in parts},
            "current_droplet": href(call, f"{base}/droplets/current"),
            "deployed_revisions": href(call, f"{base}/revisions/deployed"),
            "start": href(call, f"{base}/actions/start", "POST"),
            "stop": href(call, f"{base}/actions/stop", "POST"),
            "clear_buildpack_cache": href(call, f"{base}/actions/clear_buildpack_cache", "POST"),
        },
    }


def health_check(process: Record) -> Record:
    """The ``health_check`` part of a process."""
    data = {
        "timeout": process["health_check_timeout"],
        "invocation_timeout": process["health_check_invocation_timeout"],
        "interval": process["health_check_interval"],
    }
    if process["health_check_type"] == "http":
        data["endpoint"] = process["health_check_endpoint"]
    return {"type": process["health_check_type"], "data": data}


def readiness_health_check(process: Record) -> Record:
    """The ``readiness_health_check`` part of a process."""
    data = {"invocation_timeout": process["readiness_invocation_timeout"], "interval": process["readiness_interval"]}
    if process["readiness_type"] == "http":
        data["endpoint"] = process["readiness_endpoint"]
    return {"type": process["readiness_type"], "data": data}


def detected_commands(store: Store, processes: list[Record]) -> dict[str, str | None]:
    """For each process the command that runs: its own, or the one its droplet brought."""
    apps_by_guid = store.many(t.apps, (process["app_guid"] for process in processes))
    revisions_by_guid = store.many(t.revisions, (process["revision_guid"] for process in processes))

    def droplet_of(process: Record) -> str | None:
        revision = revisions_by_guid.get(process["revision_guid"] or "")
        guid = revision["droplet_guid"] if revision else None
        current: str | None = guid or apps_by_guid[process["app_guid"]]["droplet_guid"]
        return current

    droplets = store.many(t.droplets, {droplet_of(process) for process in processes})
    commands = {}
    for process in processes:
        droplet = droplets.get(droplet_of(process) or "")
        detected = (droplet["process_types"] or {}).get(process["type"]) if droplet else None
        commands[process["guid"]] = process["command"] or detected
    return commands


def processes(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of processes in a list: commands are hidden."""
    return _processes(call, records, dict.fromkeys((r["guid"] for r in records), HIDDEN_IN_LISTS))


def process(call: Call, record: Record) -> Record:
    """The body of one process."""
    command = detected_commands(call.store, [record])
    space = call.store.find(t.spaces, _space_of_app(call.store, record["app_guid"]))
    if space is None or not call.access.space(space, "read_secrets"):
        command = {record["guid"]: HIDDEN}
    return _processes(call, [record], command)[0]


def _space_of_app(store: Store, app_guid: str) -> str | None:
    guid: str | None = store.value(sa.select(t.apps.c.space_guid).where(t.apps.c.guid == app_guid))
    return guid


def _processes(call: Call, records: list[Record], commands: Any) -> list[Record]:
    meta = metadata(call, "process", records)
    spaces = call.store.many(t.apps, (record["app_guid"] for record in records))
    return [
        _process(call, record, spaces[record["app_guid"]]["space_guid"])
        | {"command": commands[record["guid"]], "metadata": meta[record["guid"]]}
        for record in records
    ]


def _process(call: Call, record: Record, space_guid: str) -> Record:
    base = f"processes/{record['guid']}"
    return {
        **times(record),
        "version": record["version"],
        "type": record["type"],
        "user": record["user"] or "vcap",
        "instances": record["instances"],
        "memory_in_mb": record["memory_in_mb"],
        "disk_in_mb": record["disk_in_mb"],
        "log_rate_limit_in_bytes_per_second": record["log_rate_limit"],
        "health_check": health_check(record),
        "readiness_health_check": readiness_health_check(record),
        "relationships": {
            "app": to_one(record["app_guid"]),
            "revision": to_one(record["revision_guid"]) if record["revision_guid"] else None,
        },
        "links": {
            "self": href(call, base),
            "scale": href(call, f"{base}/actions/scale", "POST"),
            "app": href(call, f"apps/{record['app_guid']}"),
            "space": href(call, f"spaces/{space_guid}"),
            "stats": href(call, f"{base}/stats"),
            "process_instances": href(call, f"{base}/process_instances"),
        },
    }


def sidecars(_call: Call, records: list[Record]) -> list[Record]:
    """Bodies of sidecars."""
    return [
        {
            **times(record),
            "name": record["name"],
            "command": record["command"],
            "process_types": record["process_types"] or [],
            "memory_in_mb": record["memory_in_mb"],
            "origin": record["origin"],
            "relationships": {"app": to_one(record["app_guid"])},
        }
        for record in records
    ]


def revisions(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of revisions."""
    meta = metadata(call, "revision", records)
    droplets = call.store.many(t.droplets, (record["droplet_guid"] for record in records))
    return [
        _revision(call, record, droplets.get(record["droplet_guid"] or "")) | {"metadata": meta[record["guid"]]}
        for record in records
    ]


def _revision(call: Call, record: Record, droplet: Record | None) -> Record:
    return {
        **times(record),
        "version": record["version"],
        "droplet": {"guid": record["droplet_guid"]},
        "processes": {kind: {"command": command} for kind, command in (record["commands"] or {}).items()},
        "sidecars": record["sidecars"] or [],
        "description": record["description"],
        "deployable": droplet is not None and droplet["state"] == "STAGED",
        "relationships": {"app": to_one(record["app_guid"])},
        "links": {
            "self": href(call, f"revisions/{record['guid']}"),
            "app": href(call, f"apps/{record['app_guid']}"),
            "environment_variables": href(call, f"revisions/{record['guid']}/environment_variables"),
        },
    }


def tasks(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of tasks in a list: without commands, unlike the original, nothing else is left out."""
    return [{key: value for key, value in body.items() if key != "command"} for body in _tasks(call, records)]


def task(call: Call, record: Record) -> Record:
    """The body of one task."""
    body = _tasks(call, [record])[0]
    space = call.store.find(t.spaces, _space_of_app(call.store, record["app_guid"]))
    if space is None or not call.access.space(space, "read_secrets"):
        body["command"] = HIDDEN
    return body


def app_tasks(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of one app's tasks: with commands, for those who may see them (the handler decides)."""
    return _tasks(call, records)


def _tasks(call: Call, records: list[Record]) -> list[Record]:
    meta = metadata(call, "task", records)
    return [_task(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _task(call: Call, record: Record) -> Record:
    base = f"tasks/{record['guid']}"
    return {
        **times(record),
        "sequence_id": record["sequence_id"],
        "name": record["name"],
        "command": record["command"],
        "user": record["user"] or "vcap",
        "state": record["state"],
        "memory_in_mb": record["memory_in_mb"],
        "disk_in_mb": record["disk_in_mb"],
        "log_rate_limit_in_bytes_per_second": record["log_rate_limit"],
        "result": {"failure_reason": record["failure_reason"]},
        "droplet_guid": record["droplet_guid"],
        "relationships": {"app": to_one(record["app_guid"])},
        "links": {
            "self": href(call, base),
            "app": href(call, f"apps/{record['app_guid']}"),
            "cancel": href(call, f"{base}/actions/cancel", "POST"),
            "droplet": href(call, f"droplets/{record['droplet_guid']}"),
        },
    }


def deployments(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of deployments."""
    meta = metadata(call, "deployment", records)
    return [_deployment(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _status(record: Record) -> Record:
    details = {
        "last_successful_healthcheck": stamp(record["last_healthy_at"]),
        "last_status_change": stamp(record["status_updated_at"]),
    }
    if record["error"]:
        details["error"] = record["error"]
    status: Record = {"value": record["status_value"], "reason": record["status_reason"], "details": details}
    if record["strategy"] == "canary":
        steps = record["canary_steps"] or [{}]
        status["canary"] = {"steps": {"current": record["canary_current_step"] or 1, "total": len(steps)}}
    return status


def _options(record: Record) -> Record:
    options: Record = {"max_in_flight": record["max_in_flight"]}
    named = {
        "web_instances": "web_instances",
        "memory_in_mb": "memory_in_mb",
        "disk_in_mb": "disk_in_mb",
        "log_rate_limit_in_bytes_per_second": "log_rate_limit",
    }
    options |= {name: record[column] for name, column in named.items() if record[column] is not None}
    if record["strategy"] == "canary" and record["canary_steps"]:
        options["canary"] = {"steps": record["canary_steps"]}
    return options


def _deployment(call: Call, record: Record) -> Record:
    base = f"deployments/{record['guid']}"
    process_guid = record["deploying_web_process_guid"]
    links = {"self": href(call, base), "app": href(call, f"apps/{record['app_guid']}")}
    if record["status_value"] == "ACTIVE":
        links["cancel"] = href(call, f"{base}/actions/cancel", "POST")
    if record["state"] == "PAUSED":
        links["continue"] = href(call, f"{base}/actions/continue", "POST")
    body: Record = {
        **times(record),
        "status": _status(record),
        "strategy": record["strategy"],
        "options": _options(record),
        "droplet": {"guid": record["droplet_guid"]},
        "previous_droplet": {"guid": record["previous_droplet_guid"]},
        "new_processes": [{"guid": process_guid, "type": "web"}] if process_guid else [],
        "relationships": {"app": to_one(record["app_guid"])},
        "links": links,
    }
    if record["revision_guid"]:
        body["revision"] = {"guid": record["revision_guid"], "version": record["revision_version"]}
    return body
