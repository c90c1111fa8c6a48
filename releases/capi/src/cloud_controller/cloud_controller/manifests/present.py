"""An app as the manifest that would make it (cloud_controller_ng: app/presenters/v3/app_manifest_presenters/*)."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller.actions import processes
from cloud_controller.manifests import parse, units
from cloud_controller.presenters.routes import protocols, url_of
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


def application(store: Store, app: Record) -> Record:
    """The entry of ``applications``."""
    entry: Record = {"name": app["name"]}
    if app["lifecycle_type"] == "docker":
        entry |= _docker(store, app)
    else:
        entry["lifecycle"] = app["lifecycle_type"]
        entry["buildpacks"] = app["buildpacks"] or None
        entry["stack"] = app["stack"]
    entry["services"] = _services(store, app) or None
    entry["routes"] = _routes(store, app) or None
    entry["env"] = store.vault.open_map(app["environment_sealed"]) or None
    entry["metadata"] = _metadata(store, app)
    entry["features"] = {name: app[column] for name, column in parse.FEATURES.items()}
    entry["processes"] = [_process(process) for process in _processes(store, app)] or None
    entry["sidecars"] = [
        _sidecar(row) for row in store.rows(sa.select(t.sidecars).where(t.sidecars.c.app_guid == app["guid"]))
    ] or None
    return {key: value for key, value in entry.items() if value is not None}


def _processes(store: Store, app: Record) -> list[Record]:
    newest = {process["type"]: process for process in processes.of_app(store, app["guid"])}
    return [newest[kind] for kind in sorted(newest)]


def _docker(store: Store, app: Record) -> Record:
    droplet = store.find(t.droplets, app["droplet_guid"])
    package = store.find(t.packages, droplet["package_guid"]) if droplet else None
    if package is None:
        return {}
    return {
        "docker": {
            key: value for key, value in (("image", package["image"]), ("username", package["username"])) if value
        }
    }


def _services(store: Store, app: Record) -> list[str | Record]:
    b = t.service_credential_bindings
    bindings = store.rows(sa.select(b).where(b.c.app_guid == app["guid"]).order_by(b.c.id))
    instances = store.many(t.service_instances, (row["service_instance_guid"] for row in bindings))
    shown: list[str | Record] = []
    for row in bindings:
        name = instances[row["service_instance_guid"]]["name"]
        shown.append({"name": name, "binding_name": row["name"]} if row["name"] else name)
    return shown


def _routes(store: Store, app: Record) -> list[Record]:
    d = t.destinations
    targets = store.rows(sa.select(d).where(d.c.app_guid == app["guid"]).order_by(d.c.id))
    by_guid = store.many(t.routes, (row["route_guid"] for row in targets))
    domains = store.many(t.domains, (route["domain_guid"] for route in by_guid.values()))
    shown = {}
    for row in targets:
        route = by_guid[row["route_guid"]]
        domain = domains[route["domain_guid"]]
        protocol = "tcp" if protocols(domain) == ["tcp"] else row["protocol"]
        entry: Record = {"route": url_of(route, domain), "protocol": protocol}
        shown[entry["route"]] = {**entry, "options": route["options"]} if route["options"] else entry
    return [shown[name] for name in sorted(shown)]


def _metadata(store: Store, app: Record) -> Record | None:
    found = labels.of_many(store, "app", [app["guid"]])[app["guid"]]
    return {key: value for key, value in found.items() if value} or None


def _process(process: Record) -> Record:
    shown: Record = {"type": process["type"]}
    for name, column in parse.COLUMNS.items():
        if name == "disk-quota" or process[column] is None:
            continue
        value = process[column]
        if column in {"memory_in_mb", "disk_in_mb"}:
            value = f"{value}M"
        elif column == "log_rate_limit":
            value = units.show_rate(value)
        shown[name] = value
    return shown


def _sidecar(row: Record) -> Record:
    memory = {"memory": f"{row['memory_in_mb']}M"} if row["memory_in_mb"] else {}
    return {"name": row["name"], "process_types": row["process_types"] or [], "command": row["command"], **memory}
