"""Audit events (types: cloud_controller_ng app/repositories/*_event_repository.rb)."""

from __future__ import annotations

from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

REDACTED = "[PRIVATE DATA HIDDEN]"


def record(
    store: Store,
    who: Identity | None,
    kind: str,
    target: tuple[str, Record],
    *,
    space: Record | None = None,
    organization_guid: str | None = None,
    data: Record | None = None,
) -> None:
    """Write down who did what to which resource; ``target`` is its type and record."""
    target_type, resource = target
    store.insert(
        t.audit_events,
        type=kind,
        actor_guid=who.guid if who else "system",
        actor_type="user" if who else "process",
        actor_name=(who.email or who.name) if who else "system",
        target_guid=resource["guid"],
        target_type=target_type,
        target_name=resource.get("name") or "",
        data=data or {},
        space_guid=space["guid"] if space else None,
        organization_guid=space["organization_guid"] if space else organization_guid,
    )


def of_process(store: Store, kind: str, process: Record, space: Record, data: Record) -> None:
    """What a process did by itself: the actor is the process, the target is its app."""
    app = store.find(t.apps, process["app_guid"])
    store.insert(
        t.audit_events,
        type=kind,
        actor_guid=process["guid"],
        actor_type="process",
        actor_name=process["type"],
        target_guid=process["app_guid"],
        target_type="app",
        target_name=app["name"] if app else "",
        data=data,
        space_guid=space["guid"],
        organization_guid=space["organization_guid"],
    )
