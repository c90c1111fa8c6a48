"""Domains, routes and destinations."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from cloud_controller.presenters.common import href, linked, metadata, times, to_many, to_one
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store
from cloud_controller.web.call import Call


def domains(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of domains."""
    meta = metadata(call, "domain", records)
    shares = linked(call, t.domain_shares, "domain_guid", "organization_guid", (r["guid"] for r in records))
    return [_domain(call, record, shares[record["guid"]]) | {"metadata": meta[record["guid"]]} for record in records]


def protocols(domain: Record) -> list[str]:
    """What is routed on a domain."""
    return ["tcp"] if domain["router_group_guid"] else ["http"]


def _domain(call: Call, record: Record, shares: list[str]) -> Record:
    base, organization = f"domains/{record['guid']}", record["organization_guid"]
    links = {
        "self": href(call, base),
        "route_reservations": href(call, f"{base}/route_reservations"),
    }
    if organization:
        links["organization"] = href(call, f"organizations/{organization}")
        links["shared_organizations"] = href(call, f"{base}/relationships/shared_organizations")
    if record["router_group_guid"]:
        links["router_group"] = {
            "href": f"{call.config.routing_api_url}/v1/router_groups/{record['router_group_guid']}"
        }
    return {
        **times(record),
        "name": record["name"],
        "internal": record["internal"],
        "router_group": {"guid": record["router_group_guid"]} if record["router_group_guid"] else None,
        "supported_protocols": protocols(record),
        "relationships": {"organization": to_one(organization), "shared_organizations": to_many(shares)},
        "links": links,
    }


def url_of(route: Record, domain: Record) -> str:
    """A route as people write it, without the scheme."""
    host = f"{route['host']}." if route["host"] else ""
    port = f":{route['port']}" if route["port"] else ""
    return f"{host}{domain['name']}{port}{route['path']}"


def destinations_of(store: Store, route_guids: Iterable[str]) -> dict[str, list[Record]]:
    """Destinations by route, in one statement."""
    wanted = list(route_guids)
    if not wanted:
        return {}
    query = sa.select(t.destinations).where(t.destinations.c.route_guid.in_(wanted)).order_by(t.destinations.c.id)
    return store.grouped(query, "route_guid")


def destination(record: Record) -> Record:
    """The body of a destination."""
    return {
        **times(record),
        "app": {"guid": record["app_guid"], "process": {"type": record["process_type"]}},
        "weight": record["weight"],
        # Apps without a port of their own listen on this one (cloud_controller_ng: ProcessModel::DEFAULT_HTTP_PORT).
        "port": record["port"] or 8080,
        "protocol": record["protocol"],
    }


def routes(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of routes."""
    meta = metadata(call, "route", records)
    domains_by_guid = call.store.many(t.domains, (record["domain_guid"] for record in records))
    targets = destinations_of(call.store, (record["guid"] for record in records))
    return [
        _route(call, record, domains_by_guid[record["domain_guid"]], targets.get(record["guid"], []))
        | {"metadata": meta[record["guid"]]}
        for record in records
    ]


def _route(call: Call, record: Record, domain: Record, targets: list[Record]) -> Record:
    base = f"routes/{record['guid']}"
    return {
        **times(record),
        "protocol": protocols(domain)[0],
        "host": record["host"],
        "path": record["path"],
        "port": record["port"] or None,
        "url": url_of(record, domain),
        "destinations": [destination(target) for target in targets],
        "options": record["options"] or {},
        "relationships": {"space": to_one(record["space_guid"]), "domain": to_one(record["domain_guid"])},
        "links": {
            "self": href(call, base),
            "space": href(call, f"spaces/{record['space_guid']}"),
            "domain": href(call, f"domains/{record['domain_guid']}"),
            "destinations": href(call, f"{base}/destinations"),
        },
    }
