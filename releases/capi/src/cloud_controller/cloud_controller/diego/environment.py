"""Environment variables of instances, tasks and builders (cloud_controller_ng: vars_builder.rb, diego/environment.rb)."""

from __future__ import annotations

from typing import Any

import msgspec
from cf_wire.bbs.actions_pb2 import EnvironmentVariable

from cloud_controller.diego.facts import AppFacts
from cloud_controller.state.store import Record

LANG = "en_US.UTF-8"
SERVICES_FILE = "/etc/cf-service-bindings/vcap_services"
BINDINGS_ROOT = "/etc/cf-service-bindings"
RELATIONAL_SCHEMES = ("mysql", "mysql2", "postgres", "postgresql", "db2", "informix")


def variables(values: dict[str, Any]) -> list[EnvironmentVariable]:
    """For the cells: everything is text, structures as JSON."""
    return [EnvironmentVariable(name=name, value=as_text(value)) for name, value in values.items()]


def as_text(value: Any) -> str:
    """One variable's value."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def vcap_application(
    about: AppFacts, api_url: str, limits: Record, *, process: Record | None = None, version: str | None = None
) -> Record:
    """What ``VCAP_APPLICATION`` tells."""
    app, space = about.app, about.space
    told: Record = {
        "cf_api": api_url,
        "limits": limits,
        "application_name": app["name"],
        "application_uris": about.uris,
        "name": app["name"],
        "space_name": space["name"],
        "space_id": space["guid"],
        "organization_id": about.organization["guid"],
        "organization_name": about.organization["name"],
        "uris": about.uris,
    }
    if process:
        told |= {"process_id": process["guid"], "process_type": process["type"]}
    told["application_id"] = app["guid"]
    if version:
        told |= {"version": version, "application_version": version}
    return told


def system(about: AppFacts) -> dict[str, Any]:
    """How the app learns of its services."""
    if about.app["service_binding_k8s"]:
        return {"SERVICE_BINDING_ROOT": BINDINGS_ROOT}
    if about.app["file_based_vcap_services"]:
        return {"VCAP_SERVICES_FILE_PATH": SERVICES_FILE}
    return {"VCAP_SERVICES": about.vcap_services}


def database_url(about: AppFacts) -> dict[str, str]:
    """``DATABASE_URL`` from the first bound relational database."""
    for entries in about.vcap_services.values():
        for entry in entries:
            uri = str((entry["credentials"] or {}).get("uri") or "")
            scheme, found, rest = uri.partition("://")
            if found and scheme in RELATIONAL_SCHEMES:
                known = {"mysql": "mysql2", "postgresql": "postgres"}.get(scheme, scheme)
                return {"DATABASE_URL": f"{known}://{rest}"}
    return {}


def merged(about: AppFacts, own: dict[str, Any]) -> dict[str, Any]:
    """Group, app, ``own`` and system variables; later ones win."""
    return {**about.group_environment, **about.environment, **own, **system(about), **database_url(about)}
