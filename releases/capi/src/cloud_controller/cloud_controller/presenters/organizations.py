"""Organizations, spaces, quotas, isolation segments, users and roles."""

from __future__ import annotations

from cloud_controller.auth.uaa import UserName
from cloud_controller.presenters.common import href, linked, metadata, times, to_many, to_one
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def organizations(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of organizations."""
    meta = metadata(call, "organization", records)
    return [_organization(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _organization(call: Call, record: Record) -> Record:
    guid, quota = record["guid"], record["quota_guid"]
    return {
        **times(record),
        "name": record["name"],
        "suspended": record["suspended"],
        "relationships": {"quota": to_one(quota)},
        "links": {
            "self": href(call, f"organizations/{guid}"),
            "domains": href(call, f"organizations/{guid}/domains"),
            "default_domain": href(call, f"organizations/{guid}/domains/default"),
            "quota": href(call, f"organization_quotas/{quota}"),
        },
    }


def spaces(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of spaces."""
    meta = metadata(call, "space", records)
    suspended = call.store.many(t.organizations, (record["organization_guid"] for record in records))
    return [
        _space(call, record)
        | {"suspended": suspended[record["organization_guid"]]["suspended"], "metadata": meta[record["guid"]]}
        for record in records
    ]


def _space(call: Call, record: Record) -> Record:
    guid, organization, quota = record["guid"], record["organization_guid"], record["quota_guid"]
    links = {
        "self": href(call, f"spaces/{guid}"),
        "organization": href(call, f"organizations/{organization}"),
        "features": href(call, f"spaces/{guid}/features"),
        "apply_manifest": href(call, f"spaces/{guid}/actions/apply_manifest", "POST"),
    }
    if quota:
        links["quota"] = href(call, f"space_quotas/{quota}")
    return {
        **times(record),
        "name": record["name"],
        "relationships": {"organization": to_one(organization), "quota": to_one(quota)},
        "links": links,
    }


def organization_quotas(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of organization quotas; only organizations the caller sees are named."""
    visible = call.access.readable_organizations()
    condition = [] if visible is None else [t.organizations.c.guid.in_(visible)]
    guids = [record["guid"] for record in records]
    query = t.organizations.select().where(t.organizations.c.quota_guid.in_(guids), *condition)
    users = call.store.grouped(query.order_by(t.organizations.c.id), "quota_guid") if guids else {}
    return [
        {
            **times(record),
            "name": record["name"],
            **record["limits"],
            "relationships": {"organizations": to_many(o["guid"] for o in users.get(record["guid"], []))},
            "links": {"self": href(call, f"organization_quotas/{record['guid']}")},
        }
        for record in records
    ]


def space_quotas(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of space quotas; only spaces the caller sees are named."""
    visible = call.access.readable_spaces()
    condition = [] if visible is None else [t.spaces.c.guid.in_(visible)]
    guids = [record["guid"] for record in records]
    query = t.spaces.select().where(t.spaces.c.quota_guid.in_(guids), *condition)
    users = call.store.grouped(query.order_by(t.spaces.c.id), "quota_guid") if guids else {}
    return [
        {
            **times(record),
            "name": record["name"],
            **record["limits"],
            "relationships": {
                "organization": to_one(record["organization_guid"]),
                "spaces": to_many(space["guid"] for space in users.get(record["guid"], [])),
            },
            "links": {
                "self": href(call, f"space_quotas/{record['guid']}"),
                "organization": href(call, f"organizations/{record['organization_guid']}"),
            },
        }
        for record in records
    ]


def isolation_segments(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of isolation segments."""
    meta = metadata(call, "isolation_segment", records)
    return [
        {
            **times(record),
            "name": record["name"],
            "metadata": meta[record["guid"]],
            "links": {
                "self": href(call, f"isolation_segments/{record['guid']}"),
                "organizations": href(call, f"isolation_segments/{record['guid']}/organizations"),
            },
        }
        for record in records
    ]


def users(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of users; their names come from UAA, all in one request."""
    meta = metadata(call, "user", records)
    names = call.services.users.names(r["guid"] for r in records if not r["is_client"]) if records else {}
    return [_user(call, record, names) | {"metadata": meta[record["guid"]]} for record in records]


def _user(call: Call, record: Record, names: dict[str, UserName]) -> Record:
    found = names.get(record["guid"])
    username = found.username if found else record["username"]
    origin = found.origin if found else record["origin"]
    return {
        **times(record),
        "username": username,
        "presentation_name": username or record["guid"],
        "origin": origin,
        "links": {"self": href(call, f"users/{record['guid']}")},
    }


def roles(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of roles."""
    return [_role(call, record) for record in records]


def _role(call: Call, record: Record) -> Record:
    in_space = record["space_guid"] is not None
    links = {"self": href(call, f"roles/{record['guid']}"), "user": href(call, f"users/{record['user_guid']}")}
    if in_space:
        links["space"] = href(call, f"spaces/{record['space_guid']}")
    else:
        links["organization"] = href(call, f"organizations/{record['organization_guid']}")
    return {
        **times(record),
        "type": record["type"],
        "relationships": {
            "user": to_one(record["user_guid"]),
            "organization": to_one(None if in_space else record["organization_guid"]),
            "space": to_one(record["space_guid"]),
        },
        "links": links,
    }


def isolation_organizations(call: Call, guid: str) -> list[str]:
    """Organizations entitled to a segment."""
    return linked(call, t.isolation_segment_organizations, "isolation_segment_guid", "organization_guid", [guid])[guid]
