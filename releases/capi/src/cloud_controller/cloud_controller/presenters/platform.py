"""Stacks, buildpacks, security groups, events and jobs."""

from __future__ import annotations

from cloud_controller.clock import stamp
from cloud_controller.presenters.common import href, linked, metadata, times, to_many
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def stacks(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of stacks."""
    meta = metadata(call, "stack", records)
    return [
        {
            **times(record),
            "name": record["name"],
            "description": record["description"],
            "state": record["state"],
            "state_reason": record["state_reason"],
            "build_rootfs_image": record["build_rootfs_image"] or record["name"],
            "run_rootfs_image": record["run_rootfs_image"] or record["name"],
            "default": record["name"] == call.config.defaults.stack,
            "metadata": meta[record["guid"]],
            "links": {"self": href(call, f"stacks/{record['guid']}")},
        }
        for record in records
    ]


def buildpacks(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of buildpacks."""
    meta = metadata(call, "buildpack", records)
    names = ("name", "stack", "position", "lifecycle", "enabled", "locked", "state", "filename")
    return [
        {
            **times(record),
            **{name: record[name] for name in names},
            "metadata": meta[record["guid"]],
            "links": {
                "self": href(call, f"buildpacks/{record['guid']}"),
                "upload": href(call, f"buildpacks/{record['guid']}/upload", "POST"),
            },
        }
        for record in records
    ]


def security_groups(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of security groups; only spaces the caller sees are named."""
    guids = [record["guid"] for record in records]
    visible = call.access.readable_spaces()
    seen = (
        None
        if visible is None
        else set(
            call.store.column(t.spaces.select().with_only_columns(t.spaces.c.guid).where(t.spaces.c.guid.in_(visible)))
        )
    )
    bound = {phase: _bound(call, phase, guids, seen) for phase in ("running", "staging")}
    return [
        {
            **times(record),
            "name": record["name"],
            "globally_enabled": {"running": record["running_default"], "staging": record["staging_default"]},
            "rules": record["rules"] or [],
            "relationships": {
                "running_spaces": to_many(bound["running"].get(record["guid"], [])),
                "staging_spaces": to_many(bound["staging"].get(record["guid"], [])),
            },
            "links": {"self": href(call, f"security_groups/{record['guid']}")},
        }
        for record in records
    ]


def _bound(call: Call, phase: str, guids: list[str], seen: set[str] | None) -> dict[str, list[str]]:
    if not guids:
        return {}
    table = t.security_group_spaces
    query = (
        table.select()
        .where(table.c.phase == phase, table.c.security_group_guid.in_(guids))
        .order_by(table.c.space_guid)
    )
    found: dict[str, list[str]] = {}
    for row in call.store.rows(query):
        if seen is None or row["space_guid"] in seen:
            found.setdefault(row["security_group_guid"], []).append(row["space_guid"])
    return found


def audit_events(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of audit events."""
    return [_event(call, record) for record in records]


def _event(call: Call, record: Record) -> Record:
    space, organization = record["space_guid"], record["organization_guid"]
    return {
        **times(record),
        "type": record["type"],
        "actor": {"guid": record["actor_guid"], "type": record["actor_type"], "name": record["actor_name"]},
        "target": {"guid": record["target_guid"], "type": record["target_type"], "name": record["target_name"]},
        "data": record["data"] or {},
        "space": {"guid": space} if space else None,
        "organization": {"guid": organization} if organization else None,
        "links": {"self": href(call, f"audit_events/{record['guid']}")},
    }


def usage_events(call: Call, kind: str, records: list[Record]) -> list[Record]:
    """Bodies of usage events; ``kind`` is app or service."""
    return [
        {
            **times(record),
            **(record["data"] or {}),
            "links": {"self": href(call, f"{kind}_usage_events/{record['guid']}")},
        }
        for record in records
    ]


def job(call: Call, record: Record) -> Record:
    """The body of a job."""
    links = {"self": href(call, f"jobs/{record['guid']}")}
    kind = record["resource_type"]
    if kind and record["state"] != "FAILED" and not record["operation"].endswith(".delete"):
        plural = {"space": "spaces", "app": "apps"}.get(kind, f"{kind}s")
        links[plural] = href(call, f"{plural}/{record['resource_guid']}")
    # Clients know no queue: what waits is being processed.
    state = "PROCESSING" if record["state"] in {"QUEUED", "PROCESSING"} else record["state"]
    return {
        **times(record),
        "operation": record["operation"],
        "state": state,
        "errors": record["errors"] or [],
        "warnings": [{"detail": text} for text in record["warnings"] or []],
        "links": links,
    }


def stamp_or_none(record: Record | None) -> str | None:
    """When a record that has no guid was changed."""
    return stamp(record["updated_at"]) if record else None


def shares(call: Call, guid: str) -> list[str]:
    """Organizations a domain is shared with."""
    return linked(call, t.domain_shares, "domain_guid", "organization_guid", [guid])[guid]
