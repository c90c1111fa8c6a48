"""Makes a space's apps what manifests say. Adds and changes; what a manifest does not name stays (cloud_controller_ng: app_apply_manifest.rb)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import apps, events, flags, processes, routes, services
from cloud_controller.auth.tokens import Identity
from cloud_controller.config import Config
from cloud_controller.manifests import parse, units, words
from cloud_controller.messages.apps import lifecycle_columns, merged_environment
from cloud_controller.messages.body import check_metadata
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

_HOST = re.compile(r"^[\w-]+$")


@dataclass(frozen=True)
class _Context:
    store: Store
    config: Config
    who: Identity | None
    space: Record


def apply_all(store: Store, config: Config, who: Identity | None, space_guid: str, listed: list[Record]) -> list[str]:
    """Apply to every application, all or nothing; gives back warnings.

    Raises:
        ApiError: 422, each sentence naming its application.
    """
    space = store.find(t.spaces, space_guid)
    if space is None:
        raise errors.not_found("Space")
    context = _Context(store, config, who, space)
    for entry in listed:
        try:
            _apply(context, entry)
        except errors.ApiError as error:
            raise errors.ApiError(
                error.status,
                *(
                    errors.Problem(p.code, p.title, f"For application '{entry['name']}': {p.detail}")
                    for p in error.problems
                ),
            ) from error
    return []


def _apply(context: _Context, entry: Record) -> None:
    app = context.store.find_by(t.apps, space_guid=context.space["guid"], name=entry["name"]) or _create(context, entry)
    app = _update_app(context, app, entry)
    for kind, columns in parse.processes(entry).items():
        _update_process(context, app, kind, columns)
    _update_sidecars(context, app, entry)
    _update_routes(context, app, entry)
    _update_services(context, app, entry)
    labels.change(context.store, "app", app["guid"], check_metadata(entry.get("metadata") or {})[0])
    data = {"request": {"manifest": entry["name"]}}
    events.record(context.store, context.who, "audit.app.apply_manifest", ("app", app), space=context.space, data=data)


def _kind(entry: Record) -> str:
    return str(entry.get("lifecycle") or ("docker" if entry.get("docker") else "buildpack"))


def _lifecycle_data(entry: Record) -> Record:
    data: Record = {}
    if "buildpacks" in entry or "buildpack" in entry:
        single = entry.get("buildpack")
        named = entry.get("buildpacks") or ([single] if single and single not in {"default", "null"} else [])
        data["buildpacks"] = named
    if "stack" in entry:
        data["stack"] = entry["stack"]
    return data


def _create(context: _Context, entry: Record) -> Record:
    columns = lifecycle_columns(context.store, context.config, _kind(entry), _lifecycle_data(entry), fresh=True)
    if columns["lifecycle_type"] == "docker" and not flags.enabled(context.store, "diego_docker"):
        raise errors.feature_disabled("diego_docker")
    return apps.create(context.store, context.config, context.who, context.space, entry["name"], **columns)


def _update_app(context: _Context, app: Record, entry: Record) -> Record:
    store = context.store
    changes: Record = {}
    data = _lifecycle_data(entry)
    if data and app["lifecycle_type"] != "docker":
        changes |= lifecycle_columns(store, context.config, app["lifecycle_type"], data, fresh=False)
    if entry.get("env"):
        variables = merged_environment(store.vault.open_map(app["environment_sealed"]), entry["env"])
        changes["environment_sealed"] = store.vault.seal(variables)
    changes |= {parse.FEATURES[name]: enabled for name, enabled in (entry.get("features") or {}).items()}
    if changes:
        store.change(t.apps, app["guid"], **changes)
    return store.find(t.apps, app["guid"]) or app


def _update_process(context: _Context, app: Record, kind: str, columns: Record) -> None:
    store = context.store
    process = processes.newest(store, app["guid"], kind)
    if process is None:
        processes.create(store, context.config, app, kind, **columns)
        return
    sizes = {
        name: columns.pop(name)
        for name in ("instances", "memory_in_mb", "disk_in_mb", "log_rate_limit")
        if name in columns
    }
    if columns:
        store.change(t.processes, process["guid"], **columns)
    changed: Record = {name: value for name, value in sizes.items() if process[name] != value}
    if changed:
        processes.scale(store, context.space, process, changed)


def _update_sidecars(context: _Context, app: Record, entry: Record) -> None:
    for sidecar in entry.get("sidecars") or []:
        memory = units.to_megabytes(sidecar["memory"]) if sidecar.get("memory") is not None else None
        values = {
            "command": sidecar["command"],
            "process_types": sidecar["process_types"],
            "memory_in_mb": memory,
            "origin": "user",
        }
        existing = context.store.find_by(t.sidecars, app_guid=app["guid"], name=sidecar["name"])
        if existing:
            context.store.change(t.sidecars, existing["guid"], **values)
        else:
            context.store.insert(t.sidecars, app_guid=app["guid"], name=sidecar["name"], **values)


def _update_routes(context: _Context, app: Record, entry: Record) -> None:
    store = context.store
    existing = store.rows(sa.select(t.destinations).where(t.destinations.c.app_guid == app["guid"]))
    if entry.get("no-route"):
        routes.unmap(store, context.who, existing)
    elif entry.get("routes"):
        for route in entry["routes"]:
            _map(context, app, route)
    elif existing:
        return
    elif entry.get("random-route"):
        _map(context, app, {"route": f"{app['name']}-{words.pair()}.{_default_domain(context)}"})
    elif entry.get("default-route"):
        _check_host(app["name"])
        _map(context, app, {"route": f"{app['name']}.{_default_domain(context)}"})


def _check_host(name: str) -> None:
    prefix = "Failed to create default route from app name:"
    if len(name) > 63:
        raise errors.unprocessable(f"{prefix} Host cannot exceed 63 characters")
    if not _HOST.match(name):
        raise errors.unprocessable(
            f'{prefix} Host must be either "*" or contain only alphanumeric characters, "_", or "-"'
        )


def _default_domain(context: _Context) -> str:
    domain = routes.default_domain(context.store, context.space["organization_guid"])
    if domain is None:
        raise errors.unprocessable("No default domains available")
    return str(domain["name"])


def _map(context: _Context, app: Record, entry: Record) -> None:
    store, text = context.store, str(entry["route"])
    domain, address = find_domain(store, text)
    options = {key: value for key, value in (entry.get("options") or {}).items() if value is not None}
    route = routes.find(store, domain, address)
    if route is None:
        flags_allow = flags.enabled(store, "route_creation")
        if not flags_allow:
            raise errors.feature_disabled("route_creation")
        route = routes.create(store, context.config, context.who, context.space, domain, address, options=options)
    elif route["space_guid"] != context.space["guid"] and not _shared(store, route, context.space):
        raise errors.unprocessable("Routes cannot be mapped to destinations in different spaces")
    elif options:
        store.change(t.routes, route["guid"], options={**(route["options"] or {}), **options})
    target = routes.Target(app["guid"], protocol=entry.get("protocol"))
    routes.map_to(store, context.who, route, domain, [target])


def _shared(store: Store, route: Record, space: Record) -> bool:
    return store.find_by(t.route_shares, route_guid=route["guid"], space_guid=space["guid"]) is not None


def find_domain(store: Store, text: str) -> tuple[Record, routes.Address]:
    """A manifest's route as domain and address: the longest name that is a domain, else without its first word.

    Raises:
        ApiError: there is no such domain.
    """
    parts = urlsplit(text if "://" in text else f"//{text}")
    name = parts.hostname or ""
    host, _, rest = name.partition(".")
    whole = None if name.startswith("*") else store.find_by(t.domains, name=name)
    if whole:
        return whole, routes.Address("", parts.path, parts.port or 0)
    domain = store.find_by(t.domains, name=rest)
    if domain is None:
        raise errors.unprocessable(f"The route '{text}' did not match any existing domains.")
    return domain, routes.Address(host, parts.path, parts.port or 0)


def _update_services(context: _Context, app: Record, entry: Record) -> None:
    for service in entry.get("services") or []:
        name, binding_name = _service(service)
        instance = context.store.find_by(t.service_instances, space_guid=context.space["guid"], name=name)
        if instance is None:
            raise errors.not_found(f"Service instance '{name}'")
        bound = t.service_credential_bindings
        if context.store.find_by(bound, app_guid=app["guid"], service_instance_guid=instance["guid"]) is None:
            services.bind_app(context.store, context.who, instance, app, binding_name)


def _service(entry: Any) -> tuple[str, str | None]:
    if isinstance(entry, str):
        return entry, None
    return str(entry.get("name")), entry.get("binding_name")
