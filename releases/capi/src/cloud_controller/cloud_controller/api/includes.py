"""What ``include`` brings along: the resources that a page's records refer to."""

from __future__ import annotations

from cloud_controller.api.listing import Included, Includer
from cloud_controller.presenters import apps as app_bodies
from cloud_controller.presenters import organizations as org_bodies
from cloud_controller.presenters import routes as route_bodies
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def _sorted(records: dict[str, Record]) -> list[Record]:
    return sorted(records.values(), key=lambda record: int(record["id"]))


def spaces_of(call: Call, records: list[Record]) -> Included:
    """The spaces of records."""
    found = call.store.many(t.spaces, (record["space_guid"] for record in records))
    return {"spaces": org_bodies.spaces(call, _sorted(found))}


def organizations_of_spaces(call: Call, records: list[Record]) -> Included:
    """The spaces of records and the spaces' organizations."""
    found = call.store.many(t.spaces, (record["space_guid"] for record in records))
    above = call.store.many(t.organizations, (space["organization_guid"] for space in found.values()))
    return {
        "spaces": org_bodies.spaces(call, _sorted(found)),
        "organizations": org_bodies.organizations(call, _sorted(above)),
    }


def organizations_of(call: Call, records: list[Record]) -> Included:
    """The organizations of records."""
    found = call.store.many(t.organizations, (record["organization_guid"] for record in records))
    return {"organizations": org_bodies.organizations(call, _sorted(found))}


def users_of(call: Call, records: list[Record]) -> Included:
    """The users of roles."""
    found = call.store.many(t.users, (record["user_guid"] for record in records))
    return {"users": org_bodies.users(call, _sorted(found))}


def domains_of(call: Call, records: list[Record]) -> Included:
    """The domains of routes."""
    found = call.store.many(t.domains, (record["domain_guid"] for record in records))
    return {"domains": route_bodies.domains(call, _sorted(found))}


def apps_of(call: Call, records: list[Record]) -> Included:
    """The apps of bindings."""
    found = call.store.many(t.apps, (record["app_guid"] for record in records))
    return {"apps": app_bodies.apps(call, _sorted(found))}


APP_INCLUDES: dict[str, Includer] = {
    "space": spaces_of,
    "org": organizations_of_spaces,
    "space.organization": organizations_of_spaces,
}
