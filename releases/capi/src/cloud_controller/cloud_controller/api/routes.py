"""``/v3/routes``: routes, destinations, sharing."""

from __future__ import annotations

import random
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import flags, processes
from cloud_controller.actions import routes as actions
from cloud_controller.actions.routes import Address, Target
from cloud_controller.api import includes, lookup
from cloud_controller.api.listing import Listing, answer, one
from cloud_controller.auth.access import within
from cloud_controller.filters import boolean, number_in, one_of
from cloud_controller.filters import within as within_filter
from cloud_controller.jobs import queue
from cloud_controller.messages.body import Body, or_else
from cloud_controller.presenters import routes as bodies
from cloud_controller.presenters.common import href, linked, to_many, to_one
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, delete, get, job_started, no_content, patch, post

LOADBALANCING = ("round-robin", "least-connection", "hash")
PROTOCOLS = ("http1", "http2", "tcp")


def _of_apps(values: list[str]) -> sa.ColumnElement[bool]:
    return t.routes.c.guid.in_(sa.select(t.destinations.c.route_guid).where(t.destinations.c.app_guid.in_(values)))


def _unmapped(values: list[str]) -> sa.ColumnElement[bool]:
    boolean(t.routes.c.id, "Unmapped")(values)
    mapped = t.routes.c.guid.in_(sa.select(t.destinations.c.route_guid))
    return sa.not_(mapped) if values == ["true"] else mapped


LISTING = Listing(
    "route",
    t.routes,
    bodies.routes,
    filters={
        "hosts": one_of(t.routes.c.host),
        "paths": one_of(t.routes.c.path),
        "ports": number_in(t.routes.c.port, "Ports"),
        "space_guids": one_of(t.routes.c.space_guid),
        "organization_guids": within_filter(t.routes.c.space_guid, t.spaces.c.guid, t.spaces.c.organization_guid),
        "domain_guids": one_of(t.routes.c.domain_guid),
        "app_guids": _of_apps,
        "unmapped": _unmapped,
    },
    includes={
        "domain": includes.domains_of,
        "space": includes.spaces_of,
        "space.organization": includes.organizations_of_spaces,
    },
    extras=frozenset({"service_instance_guids"}),
)


def visible(call: Call) -> list[sa.ColumnElement[bool]]:
    """Routes of spaces the caller sees, and routes shared with those."""
    spaces = call.access.readable_spaces()
    if spaces is None:
        return []
    shared = sa.select(t.route_shares.c.route_guid).where(t.route_shares.c.space_guid.in_(spaces))
    return [sa.or_(*within(t.routes.c.space_guid, spaces), t.routes.c.guid.in_(shared))]


def index(call: Call) -> Reply:
    """List."""
    return answer(call, LISTING, *visible(call))


def of_app(call: Call) -> Reply:
    """The routes that lead to an app."""
    app, _ = lookup.app(call)
    return answer(call, LISTING, _of_apps([app["guid"]]))


def _route(call: Call, deed: str = "read") -> tuple[Record, Record, Record]:
    found = call.store.first(sa.select(t.routes).where(t.routes.c.guid == call.params["guid"], *visible(call)))
    space = call.store.find(t.spaces, found["space_guid"]) if found else None
    domain = call.store.find(t.domains, found["domain_guid"]) if found else None
    if found is None or space is None or domain is None:
        raise errors.not_found("Route")
    if deed != "read":
        call.access.require_space(space, deed)
    return found, space, domain


def create(call: Call) -> Reply:
    """Create."""
    body = Body(call.json(), ("host", "path", "port", "relationships", "options", "metadata"))
    space_guid, domain_guid = body.to_one("space"), body.to_one("domain")
    address = Address(
        or_else(body.text("host"), ""),
        or_else(body.text("path"), ""),
        or_else(body.integer("port", minimum=1, maximum=65535), 0),
    )
    options, metadata = read_options(body), body.metadata()
    body.finish()
    space = call.store.find(t.spaces, space_guid)
    if space is None or not call.access.space(space, "read"):
        raise errors.unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    domain = call.store.find(t.domains, domain_guid)
    if domain is None:
        raise errors.unprocessable("Invalid domain. Ensure that the domain exists and you have access to it.")
    flags.require(call.store, call.who, "route_creation")
    call.access.require_space(space, "manage_routes")
    if domain["router_group_guid"] and not address.port:
        # Which free port it is does not matter, only that neighbours do not all try the same one.
        pick = random.randrange(len(actions.TCP_PORTS))
        address = Address(port=actions.free_port(call.store, domain, pick))
    made = actions.create(call.store, call.config, call.who, space, domain, address, options=clean_options({}, options))
    labels.change(call.store, "route", made["guid"], metadata)
    return one(call, LISTING, made, 201)


def read_options(body: Body) -> Record:
    """The ``options`` of a route, checked."""
    value = body.mapping("options")
    if not isinstance(value, dict):
        return {}
    inner = body.inner("options", ("loadbalancing", "hash_header", "hash_balance"))
    if value.get("loadbalancing") is not None:
        inner.choice("loadbalancing", LOADBALANCING)
    if value.get("loadbalancing") == "hash" and not value.get("hash_header"):
        body.note("Hash header must be present when loadbalancing is set to hash.")
    return value


def clean_options(existing: Record, update: Record) -> Record:
    """Options after an update; null takes one away."""
    merged = {**existing, **update}
    return {key: value for key, value in merged.items() if value is not None}


def show(call: Call) -> Reply:
    """Show."""
    return one(call, LISTING, _route(call)[0])


def update(call: Call) -> Reply:
    """Label, set options."""
    route, _, _ = _route(call, "manage_routes")
    body = Body(call.json(), ("options", "metadata"))
    options, metadata = read_options(body), body.metadata()
    body.finish()
    if options:
        call.store.change(t.routes, route["guid"], options=clean_options(route["options"] or {}, options))
        targets = bodies.destinations_of(call.store, [route["guid"]]).get(route["guid"], [])
        processes.touched(call.store, {target["app_guid"] for target in targets})
    labels.change(call.store, "route", route["guid"], metadata)
    return one(call, LISTING, _route(call)[0])


def remove(call: Call) -> Reply:
    """Delete, as a job."""
    route, _, _ = _route(call, "manage_routes")
    return job_started(call, queue.enqueue(call.store, call.who, "route.delete", ("route", route["guid"])))


def destinations(call: Call) -> Reply:
    """Where it leads."""
    route, _, _ = _route(call)
    return Reply(body=_destinations_body(call, route))


def _targets(call: Call, route: Record) -> list[Record]:
    return bodies.destinations_of(call.store, [route["guid"]]).get(route["guid"], [])


def _destinations_body(call: Call, route: Record) -> Record:
    base = f"routes/{route['guid']}"
    return {
        "destinations": [bodies.destination(target) for target in _targets(call, route)],
        "links": {"self": href(call, f"{base}/destinations"), "route": href(call, base)},
    }


def _read_targets(call: Call, route: Record, domain: Record) -> list[Target]:
    body = Body(call.json(), ("destinations",))
    raw = body.items("destinations")
    if not isinstance(raw, list):
        body.note("Destinations must be an array containing at least one destination object.")
        raw = []
    targets = [_read_target(body, entry, index) for index, entry in enumerate(raw)]
    body.finish()
    shared = linked(call, t.route_shares, "route_guid", "space_guid", [route["guid"]])[route["guid"]]
    for target in targets:
        app = call.store.find(t.apps, target.app_guid)
        if app is None or (app["space_guid"] != route["space_guid"] and app["space_guid"] not in shared):
            raise errors.unprocessable(
                f'App(s) with guid(s) "{target.app_guid}" do not exist or you do not have access.'
                if app is None
                else "Routes cannot be mapped to destinations in different spaces"
            )
        _check_protocol(target, domain)
    return targets


def _check_protocol(target: Target, domain: Record) -> None:
    tcp = bodies.protocols(domain) == ["tcp"]
    if target.protocol and tcp != (target.protocol == "tcp"):
        allowed = "'tcp'" if tcp else "'http1' or 'http2'"
        raise errors.unprocessable(
            f"Destination protocol must be {allowed} if the parent route's protocol is '{'tcp' if tcp else 'http'}'"
        )


def _read_target(body: Body, entry: Any, index: int) -> Target:
    raw = entry if isinstance(entry, dict) else {}
    one_body = Body(raw, ("app", "weight", "port", "protocol"), prefix=f"Destinations[{index}]: ")
    app = raw.get("app") if isinstance(raw.get("app"), dict) else {}
    guid = app.get("guid") if app else None
    if not isinstance(guid, str):
        one_body.note('must have an "app" with a guid')
    process = (app or {}).get("process") or {}
    port = or_else(one_body.integer("port", minimum=1024, maximum=65535), 0) or None
    weight = or_else(one_body.integer("weight", minimum=1, maximum=100), 0) or None
    protocol = one_body.choice("protocol", PROTOCOLS) if raw.get("protocol") else None
    body.problems.extend(one_body.problems)
    return Target(
        str(guid), str(process.get("type") or "web"), port, weight, protocol if isinstance(protocol, str) else None
    )


def add_destinations(call: Call) -> Reply:
    """Lead to further processes."""
    route, _, domain = _route(call, "manage_routes")
    targets = _read_targets(call, route, domain)
    if any(target.weight for target in targets) or any(row["weight"] for row in _targets(call, route)):
        raise errors.unprocessable(
            "Destinations cannot be inserted when there are weighted destinations already configured."
        )
    actions.map_to(call.store, call.who, route, domain, targets)
    return Reply(body=_destinations_body(call, route))


def replace_destinations(call: Call) -> Reply:
    """Lead to exactly these processes."""
    route, _, domain = _route(call, "manage_routes")
    targets = _read_targets(call, route, domain)
    kept = {(target.app_guid, target.process_type, target.port) for target in targets}
    gone = [row for row in _targets(call, route) if (row["app_guid"], row["process_type"], row["port"]) not in kept]
    actions.unmap(call.store, call.who, gone)
    actions.map_to(call.store, call.who, route, domain, targets)
    return Reply(body=_destinations_body(call, route))


def _destination(call: Call, route: Record) -> Record:
    found = next((row for row in _targets(call, route) if row["guid"] == call.params["destination"]), None)
    if found is None:
        raise errors.unprocessable(
            "Unable to unmap route from destination. Ensure the route has a destination with this guid."
        )
    return found


def update_destination(call: Call) -> Reply:
    """Speak another protocol with it."""
    route, _, domain = _route(call, "manage_routes")
    found = _destination(call, route)
    body = Body(call.json(), ("protocol",))
    protocol = or_else(body.choice("protocol", PROTOCOLS) if call.json().get("protocol") else None, "http1")
    body.finish()
    _check_protocol(Target(found["app_guid"], protocol=protocol), domain)
    call.store.change(t.destinations, found["guid"], protocol=protocol)
    processes.touched(call.store, {found["app_guid"]})
    return Reply(body=bodies.destination(_destination(call, route)))


def remove_destination(call: Call) -> Reply:
    """Lead to one process less."""
    route, _, _ = _route(call, "manage_routes")
    actions.unmap(call.store, call.who, [_destination(call, route)])
    return no_content()


def _shares_body(call: Call, route: Record) -> Record:
    shares = linked(call, t.route_shares, "route_guid", "space_guid", [route["guid"]])[route["guid"]]
    return {**to_many(shares), "links": {"self": href(call, f"routes/{route['guid']}/relationships/shared_spaces")}}


def show_shares(call: Call) -> Reply:
    """The spaces it is shared with."""
    return Reply(body=_shares_body(call, _route(call)[0]))


def share(call: Call) -> Reply:
    """Share with further spaces."""
    flags.require(call.store, call.who, "route_sharing")
    route, _, _ = _route(call, "manage_routes")
    body = Body(call.json(), ("data",))
    guids = body.data_guids()
    body.finish()
    for guid in guids:
        space = call.store.find(t.spaces, guid)
        if space is None or not call.access.space(space, "manage_routes") or guid == route["space_guid"]:
            raise errors.unprocessable(
                f"Unable to share route {route['host']} with spaces ['{guid}']. Ensure the spaces exist and that you have access to them."
            )
        call.store.link(t.route_shares, route_guid=route["guid"], space_guid=guid)
    return Reply(body=_shares_body(call, route))


def unshare(call: Call) -> Reply:
    """Share with one space less; its apps are not reached by it any more."""
    flags.require(call.store, call.who, "route_sharing")
    route, _, _ = _route(call, "manage_routes")
    guid, shares = call.params["space"], t.route_shares.c
    if not call.store.remove_where(t.route_shares, shares.route_guid == route["guid"], shares.space_guid == guid):
        raise errors.unprocessable(
            f"Unable to unshare route '{route['host']}' from space '{guid}'. Ensure the space exists and the route has been shared to this space."
        )
    apps = call.store.many(t.apps, (row["app_guid"] for row in _targets(call, route)))
    actions.unmap(
        call.store, call.who, [row for row in _targets(call, route) if apps[row["app_guid"]]["space_guid"] == guid]
    )
    return no_content()


def move(call: Call) -> Reply:
    """Give it to another space."""
    flags.require(call.store, call.who, "route_sharing")
    route, _, domain = _route(call, "manage_routes")
    body = Body(call.json(), ("data",))
    guid = body.data_guid()
    body.finish()
    space = call.store.find(t.spaces, guid)
    if space is None or not call.access.space(space, "manage_routes"):
        raise errors.unprocessable(
            f"Unable to transfer owner of route '{bodies.url_of(route, domain)}' to space '{guid}'. Ensure the space exists and that you have access to it."
        )
    if not actions.domain_serves(call.store, domain, space["organization_guid"]):
        raise errors.unprocessable(
            f"Unable to transfer owner of route '{bodies.url_of(route, domain)}' to space '{space['name']}'. Target space does not have access to route's domain"
        )
    old = route["space_guid"]
    call.store.change(t.routes, route["guid"], space_guid=space["guid"])
    shares = t.route_shares.c
    call.store.remove_where(t.route_shares, shares.route_guid == route["guid"], shares.space_guid == space["guid"])
    if old != space["guid"]:
        call.store.link(t.route_shares, route_guid=route["guid"], space_guid=old)
    return Reply(body=to_one(space["guid"]))


_ONE = "/v3/routes/{guid}"
_SHARES = f"{_ONE}/relationships/shared_spaces"
ROUTES: list[Route] = [
    get("/v3/routes", index),
    post("/v3/routes", create),
    get("/v3/apps/{guid}/routes", of_app),
    get(_ONE, show),
    patch(_ONE, update),
    delete(_ONE, remove),
    get(f"{_ONE}/destinations", destinations),
    post(f"{_ONE}/destinations", add_destinations),
    patch(f"{_ONE}/destinations", replace_destinations),
    patch(f"{_ONE}/destinations/{{destination}}", update_destination),
    delete(f"{_ONE}/destinations/{{destination}}", remove_destination),
    get(_SHARES, show_shares),
    post(_SHARES, share),
    delete(f"{_SHARES}/{{space}}", unshare),
    patch(f"{_ONE}/relationships/space", move),
]
