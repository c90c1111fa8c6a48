"""What translations need to know, gathered from the database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from cloud_controller.actions import processes, services
from cloud_controller.config import Config
from cloud_controller.presenters.routes import url_of
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


class MissingFacts(Exception):
    """Something that should be run is gone, or cannot be run as it is."""


@dataclass(frozen=True)
class AppFacts:
    """An app and where it stands."""

    app: Record
    space: Record
    organization: Record
    environment: dict[str, Any]
    group_environment: dict[str, Any]
    vcap_services: dict[str, Any]
    uris: list[str]
    isolation_segment: str | None
    egress_groups: list[Record]
    labels: dict[str, str | None]


@dataclass(frozen=True)
class Mapping:
    """A destination of a process with its route."""

    host: str
    internal: bool
    external_port: int
    router_group_guid: str | None
    port: int | None
    protocol: str
    options: Record
    route_service_url: str | None


@dataclass(frozen=True)
class ProcessFacts:
    """A process and all that an LRP is made of."""

    about: AppFacts
    process: Record
    droplet: Record
    registry_password: str | None
    rootfs: str
    command: str | None
    mappings: list[Mapping]
    sidecars: list[Record]
    revision_version: int | None


@dataclass(frozen=True)
class TaskFacts:
    """A task and what it is run with."""

    about: AppFacts
    task: Record
    droplet: Record
    registry_password: str | None
    rootfs: str
    version: str


def of_app(store: Store, app_guid: str, group: str) -> AppFacts:
    """An app's facts; ``group`` is running or staging.

    Raises:
        MissingFacts: the app is gone.
    """
    app = store.find(t.apps, app_guid)
    space = store.find(t.spaces, app["space_guid"]) if app else None
    organization = store.find(t.organizations, space["organization_guid"]) if space else None
    if app is None or space is None or organization is None:
        raise MissingFacts(f"there is no app {app_guid}")
    environments = store.first(t.environment_groups.select().where(t.environment_groups.c.name == group))
    return AppFacts(
        app=app,
        space=space,
        organization=organization,
        environment=store.vault.open_map(app["environment_sealed"]),
        group_environment=store.vault.open_map(environments["environment_sealed"]) if environments else {},
        vcap_services=services.vcap_services(store, app_guid),
        uris=_uris(store, app_guid),
        isolation_segment=_segment(store, space, organization),
        egress_groups=_security_groups(store, space["guid"], group),
        labels=labels.of_many(store, "app", [app_guid])[app_guid]["labels"],
    )


def _uris(store: Store, app_guid: str, kind: str | None = None) -> list[str]:
    query = sa.select(t.routes).join(t.destinations, t.destinations.c.route_guid == t.routes.c.guid)
    query = query.where(t.destinations.c.app_guid == app_guid).order_by(t.destinations.c.id)
    if kind:
        query = query.where(t.destinations.c.process_type == kind)
    rows = store.rows(query)
    domains = store.many(t.domains, (row["domain_guid"] for row in rows))
    return list(dict.fromkeys(url_of(row, domains[row["domain_guid"]]) for row in rows))


def _segment(store: Store, space: Record, organization: Record) -> str | None:
    segment = store.find(
        t.isolation_segments, space["isolation_segment_guid"] or organization["default_isolation_segment_guid"]
    )
    return segment["name"] if segment else None


def _security_groups(store: Store, space_guid: str, phase: str) -> list[Record]:
    bound = sa.select(t.security_group_spaces.c.security_group_guid).where(
        t.security_group_spaces.c.space_guid == space_guid, t.security_group_spaces.c.phase == phase
    )
    groups = t.security_groups
    return store.rows(
        sa.select(groups)
        .where(sa.or_(groups.c[f"{phase}_default"].is_(True), groups.c.guid.in_(bound)))
        .order_by(groups.c.id)
    )


def of_process(store: Store, config: Config, guid: str) -> ProcessFacts:
    """A process's facts.

    Raises:
        MissingFacts: the process is gone or has nothing to run.
    """
    process = store.find(t.processes, guid)
    if process is None:
        raise MissingFacts(f"there is no process {guid}")
    about = of_app(store, process["app_guid"], "running")
    revision = store.find(t.revisions, process["revision_guid"])
    if revision:
        about = _with_environment(about, store.vault.open_map(revision["environment_sealed"]))
    droplet = store.find(t.droplets, (revision or {}).get("droplet_guid") or about.app["droplet_guid"])
    if droplet is None:
        raise MissingFacts(f"the app {about.app['guid']} has no droplet")
    return ProcessFacts(
        about=about,
        process=process,
        droplet=droplet,
        registry_password=store.vault.open(droplet["registry_password_sealed"]),
        rootfs=run_rootfs(store, config, droplet),
        command=process["command"] or (droplet["process_types"] or {}).get(process["type"]),
        mappings=_mappings(store, process),
        sidecars=_sidecars(store, process),
        revision_version=revision["version"] if revision else None,
    )


def _with_environment(about: AppFacts, environment: dict[str, Any]) -> AppFacts:
    return replace(about, environment=environment)


def _sidecars(store: Store, process: Record) -> list[Record]:
    query = sa.select(t.sidecars).where(t.sidecars.c.app_guid == process["app_guid"]).order_by(t.sidecars.c.id)
    return [row for row in store.rows(query) if process["type"] in (row["process_types"] or [])]


def _mappings(store: Store, process: Record) -> list[Mapping]:
    query = sa.select(t.destinations).where(
        t.destinations.c.app_guid == process["app_guid"], t.destinations.c.process_type == process["type"]
    )
    destinations = store.rows(query.order_by(t.destinations.c.id))
    routes = store.many(t.routes, (row["route_guid"] for row in destinations))
    domains = store.many(t.domains, (route["domain_guid"] for route in routes.values()))
    bindings = t.service_route_bindings
    route_services = {
        row["route_guid"]: row["route_service_url"]
        for row in (store.rows(sa.select(bindings).where(bindings.c.route_guid.in_(sorted(routes)))) if routes else [])
    }
    return [
        _mapping(row, routes[row["route_guid"]], domains[routes[row["route_guid"]]["domain_guid"]], route_services)
        for row in destinations
    ]


def _mapping(destination: Record, route: Record, domain: Record, route_services: dict[str, str | None]) -> Mapping:
    return Mapping(
        host=url_of({**route, "port": 0}, domain),
        internal=domain["internal"],
        external_port=route["port"],
        router_group_guid=domain["router_group_guid"],
        port=destination["port"],
        protocol=destination["protocol"],
        options=route["options"] or {},
        route_service_url=route_services.get(route["guid"]),
    )


def run_rootfs(store: Store, config: Config, droplet: Record) -> str:
    """The root file system that a droplet runs on."""
    if droplet["lifecycle_type"] == "docker":
        return docker_rootfs(droplet["image"])
    name = droplet["stack"] or config.defaults.stack
    stack = store.find_by(t.stacks, name=name)
    if stack is None:
        raise MissingFacts(f"there is no stack {name}")
    return f"preloaded:{stack['run_rootfs_image'] or name}"


def docker_rootfs(image: str) -> str:
    """A docker image as a URL: ``publish/ubuntu:latest`` becomes ``docker:///publish/ubuntu#latest``."""
    head, slash, rest = image.partition("/")
    host = head if slash and ("." in head or ":" in head or head == "localhost") else ""
    path = rest if host else image
    for mark in ("@", ":"):
        base, found, tag = path.rpartition(mark)
        if found and "/" not in tag:
            return f"docker://{host}/{_official(host, base)}#{tag}"
    return f"docker://{host}/{_official(host, path)}"


def _official(host: str, path: str) -> str:
    # The hub keeps images that belong to nobody under library/.
    return path if host or "/" in path else f"library/{path}"


def of_task(store: Store, config: Config, guid: str) -> TaskFacts:
    """A task's facts.

    Raises:
        MissingFacts: the task or its droplet is gone.
    """
    task = store.find(t.tasks, guid)
    droplet = store.find(t.droplets, task["droplet_guid"]) if task else None
    if task is None or droplet is None:
        raise MissingFacts(f"there is no task {guid} with a droplet")
    about = of_app(store, task["app_guid"], "running")
    password = store.vault.open(droplet["registry_password_sealed"])
    return TaskFacts(about, task, droplet, password, run_rootfs(store, config, droplet), store.new_guid())


def lrp_process(store: Store, process_guid: str) -> Record | None:
    """The process of an LRP's name, if that version is still wanted."""
    guid, version = processes.split_lrp_guid(process_guid)
    process = store.find(t.processes, guid)
    return process if process and process["version"] == version else None
