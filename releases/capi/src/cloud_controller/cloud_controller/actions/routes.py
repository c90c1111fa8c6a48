"""Routes and destinations: made, mapped, unmapped, deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, processes, quotas
from cloud_controller.auth.tokens import Identity
from cloud_controller.config import Config
from cloud_controller.presenters.routes import protocols
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

_HOST = re.compile(r"^([\w-]{1,63}(\.[\w-]{1,63})*|\*)$")
PATH_LIMIT = 128
FULL_NAME_LIMIT = 253
TCP_PORTS = range(1024, 65536)


@dataclass(frozen=True)
class Address:
    """What tells a route apart on its domain; 0 is no port."""

    host: str = ""
    path: str = ""
    port: int = 0


@dataclass(frozen=True)
class Target:
    """Where a route leads: a process type of an app, one of its ports (None: its first)."""

    app_guid: str
    process_type: str = processes.WEB
    port: int | None = None
    weight: int | None = None
    protocol: str | None = None


def problems_of(address: Address, domain: Record, *, shared: bool) -> list[str]:
    """Why there can be no such route, in the original's sentences (cloud_controller_ng: RouteCreate)."""
    if domain["router_group_guid"]:
        found = ["Hosts are not supported for TCP routes."] if address.host else []
        found += ["Paths are not supported for TCP routes."] if address.path else []
        return found + (["Routes with protocol 'tcp' must specify a port."] if not address.port else [])
    if address.port:
        return ["Routes with protocol 'http' do not support ports."]
    return _host_problems(address, domain, shared=shared) + _path_problems(address, domain)


def _host_problems(address: Address, domain: Record, *, shared: bool) -> list[str]:
    host = address.host
    if host and not _HOST.match(host):
        return ["Host format is invalid."]
    if host == "*" and domain["internal"]:
        return ["Wildcard hosts are not supported for internal domains."]
    if not host and shared:
        return ["Missing host. Routes in shared domains must have a host defined."]
    if len(host) + 1 + len(domain["name"]) > FULL_NAME_LIMIT:
        return ["Host combined with domain name must be no more than 253 characters."]
    return []


def _path_problems(address: Address, domain: Record) -> list[str]:
    path = address.path
    if not path:
        return []
    if domain["internal"]:
        return ["Paths are not supported for internal domains."]
    if path == "/":
        return ["Path cannot be a single '/'."]
    if not path.startswith("/"):
        return ["Path is missing the beginning '/'."]
    if "?" in path:
        return ["Path cannot contain '?'."]
    return ["Path exceeds 128 characters."] if len(path) > PATH_LIMIT else []


def taken_text(address: Address, domain: Record) -> str:
    """The sentence for a route that exists; clients take it as success."""
    where = f"for domain '{domain['name']}'."
    if address.port:
        return f"Route already exists with port '{address.port}' {where}"
    if address.path:
        host = f"host '{address.host}' and " if address.host else ""
        return f"Route already exists with {host}path '{address.path}' {where}"
    return (
        f"Route already exists with host '{address.host}' {where}" if address.host else f"Route already exists {where}"
    )


def find(store: Store, domain: Record, address: Address) -> Record | None:
    """The route at an address."""
    return store.find_by(
        t.routes, domain_guid=domain["guid"], host=address.host.lower(), path=address.path, port=address.port
    )


def domain_serves(store: Store, domain: Record, organization_guid: str) -> bool:
    """Whether an organization may make routes on a domain."""
    if domain["organization_guid"] in (None, organization_guid):
        return True
    return store.find_by(t.domain_shares, domain_guid=domain["guid"], organization_guid=organization_guid) is not None


def create(
    store: Store,
    config: Config,
    who: Identity | None,
    space: Record,
    domain: Record,
    address: Address,
    *,
    options: Record | None = None,
) -> Record:
    """A new route.

    Raises:
        ApiError: with the original's sentence.
    """
    if not domain_serves(store, domain, space["organization_guid"]):
        organization = store.find(t.organizations, space["organization_guid"]) or {"name": ""}
        raise errors.unprocessable(
            f"Invalid domain. Domain '{domain['name']}' is not available in organization '{organization['name']}'."
        )
    problems = problems_of(address, domain, shared=domain["organization_guid"] is None)
    if problems:
        raise errors.unprocessable(*problems)
    _refuse_conflicts(store, config, domain, address)
    quotas.check_routes(store, space, port=address.port > 0)
    route = store.insert(
        t.routes,
        host=address.host.lower(),
        path=address.path,
        port=address.port,
        domain_guid=domain["guid"],
        space_guid=space["guid"],
        options=options or {},
    )
    target = ("route", {**route, "name": route["host"]})
    events.record(store, who, "audit.route.create", target, space=space, data={"request": {"host": route["host"]}})
    return route


def _refuse_conflicts(store: Store, config: Config, domain: Record, address: Address) -> None:
    if find(store, domain, address):
        raise errors.unprocessable(taken_text(address, domain))
    if domain["name"] == config.system_domain and address.host in config.system_hostnames:
        raise errors.unprocessable("Route conflicts with a reserved system route.")
    if address.host and store.find_by(t.domains, name=f"{address.host}.{domain['name']}"):
        raise errors.unprocessable(f"Route conflicts with domain '{address.host}.{domain['name']}'.")


def free_port(store: Store, domain: Record, pick: int) -> int:
    """A port of a TCP domain that no route has; ``pick`` says where to begin looking."""
    taken = set(store.column(sa.select(t.routes.c.port).where(t.routes.c.domain_guid == domain["guid"])))
    for step in range(len(TCP_PORTS)):
        port = TCP_PORTS[(pick + step) % len(TCP_PORTS)]
        if port not in taken:
            return port
    raise errors.unprocessable("There are no more ports available for domain.")


def map_to(store: Store, who: Identity | None, route: Record, domain: Record, targets: Iterable[Target]) -> None:
    """Add destinations; those that are there already stay as they are."""
    default = "tcp" if protocols(domain) == ["tcp"] else "http1"
    apps = set()
    for target in targets:
        same = store.find_by(
            t.destinations,
            route_guid=route["guid"],
            app_guid=target.app_guid,
            process_type=target.process_type,
            port=target.port,
        )
        if same and target.protocol and same["protocol"] != target.protocol:
            store.change(t.destinations, same["guid"], protocol=target.protocol)
        elif not same:
            _insert(store, who, route, target, default)
        apps.add(target.app_guid)
    store.change(t.routes, route["guid"])
    processes.touched(store, apps)


def _insert(store: Store, who: Identity | None, route: Record, target: Target, default: str) -> None:
    made = store.insert(
        t.destinations,
        route_guid=route["guid"],
        app_guid=target.app_guid,
        process_type=target.process_type,
        port=target.port,
        weight=target.weight,
        protocol=target.protocol or default,
    )
    app = store.find(t.apps, target.app_guid)
    if app:
        data = {"route_guid": route["guid"], "destination_guid": made["guid"], "process_type": target.process_type}
        space = store.find(t.spaces, app["space_guid"])
        events.record(store, who, "audit.app.map-route", ("app", app), space=space, data=data)


def unmap(store: Store, who: Identity | None, destinations: Iterable[Record]) -> None:
    """Take destinations away."""
    apps = set()
    for destination in destinations:
        store.remove(t.destinations, destination["guid"])
        apps.add(destination["app_guid"])
        app = store.find(t.apps, destination["app_guid"])
        if app:
            data = {"route_guid": destination["route_guid"], "destination_guid": destination["guid"]}
            space = store.find(t.spaces, app["space_guid"])
            events.record(store, who, "audit.app.unmap-route", ("app", app), space=space, data=data)
    processes.touched(store, apps)


def delete(store: Store, who: Identity | None, route: Record) -> None:
    """The route is gone, and nothing leads anywhere from it."""
    unmap(store, who, store.rows(sa.select(t.destinations).where(t.destinations.c.route_guid == route["guid"])))
    labels.forget(store, "route", [route["guid"]])
    store.remove(t.routes, route["guid"])
    space = store.find(t.spaces, route["space_guid"])
    events.record(store, who, "audit.route.delete-request", ("route", {**route, "name": route["host"]}), space=space)


def default_domain(store: Store, organization_guid: str) -> Record | None:
    """The domain for routes that name none: the first shared one, else the organization's first."""
    external = (t.domains.c.internal.is_(False), t.domains.c.router_group_guid.is_(None))
    shared = sa.select(t.domains).where(t.domains.c.organization_guid.is_(None), *external).order_by(t.domains.c.id)
    own = (
        sa.select(t.domains)
        .where(t.domains.c.organization_guid == organization_guid, *external)
        .order_by(t.domains.c.id)
    )
    return store.first(shared) or store.first(own)
