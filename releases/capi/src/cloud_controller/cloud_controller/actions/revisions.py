"""Revisions: what of an app ran when. ``reasons`` decides whether there is a new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import events, processes
from cloud_controller.auth.tokens import Identity
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


@dataclass(frozen=True)
class Content:
    """What a revision holds."""

    droplet_guid: str | None
    environment: dict[str, Any]
    commands: dict[str, str | None]
    sidecars: list[Record] = field(default_factory=list)


def reasons(before: Content, after: Content) -> list[str]:
    """In what the later differs, in the original's sentences; nothing when they are the same."""
    found = []
    if before.droplet_guid != after.droplet_guid:
        found.append("New droplet deployed.")
    if before.environment != after.environment:
        found.append("New environment variables deployed.")
    found += _command_reasons(before.commands, after.commands)
    if _by_name(before.sidecars) != _by_name(after.sidecars):
        found.append("Sidecars updated.")
    return sorted(found)


def _by_name(sidecars: list[Record]) -> list[Record]:
    return sorted(sidecars, key=lambda sidecar: str(sidecar["name"]))


def _command_reasons(before: dict[str, str | None], after: dict[str, str | None]) -> list[str]:
    found = [f"New process type '{kind}' added." for kind in after if kind not in before]
    found += [f"Process type '{kind}' removed." for kind in before if kind not in after]
    for kind in before.keys() & after.keys():
        if before[kind] != after[kind]:
            verb = "added" if before[kind] is None else "removed" if after[kind] is None else "updated"
            found.append(f"Custom start command {verb} for '{kind}' process.")
    return found


def content_of_app(store: Store, app: Record) -> Content:
    """What a revision of the app as it is now would hold."""
    droplet = store.find(t.droplets, app["droplet_guid"])
    commands: dict[str, str | None] = dict.fromkeys((droplet or {}).get("process_types") or {})
    for process in processes.of_app(store, app["guid"]):
        if process["type"] in commands or process["type"] == processes.WEB or process["command"]:
            commands[process["type"]] = process["command"]
    query = sa.select(t.sidecars).where(t.sidecars.c.app_guid == app["guid"]).order_by(t.sidecars.c.name)
    sidecars = [
        {
            "name": row["name"],
            "command": row["command"],
            "process_types": row["process_types"] or [],
            "memory_in_mb": row["memory_in_mb"],
        }
        for row in store.rows(query)
    ]
    return Content(app["droplet_guid"], store.vault.open_map(app["environment_sealed"]), commands, sidecars)


def content_of(store: Store, revision: Record) -> Content:
    """What a revision holds."""
    return Content(
        revision["droplet_guid"],
        store.vault.open_map(revision["environment_sealed"]),
        revision["commands"] or {},
        revision["sidecars"] or [],
    )


def latest(store: Store, app_guid: str) -> Record | None:
    """An app's newest revision."""
    return store.first(
        sa.select(t.revisions).where(t.revisions.c.app_guid == app_guid).order_by(t.revisions.c.version.desc())
    )


def resolve(store: Store, who: Identity | None, app: Record) -> Record | None:
    """The revision of the app as it is now: the newest one, or a new one if something changed; none when switched off."""
    if not app["revisions_enabled"] or not app["droplet_guid"]:
        return None
    now, before = content_of_app(store, app), latest(store, app["guid"])
    if before is None:
        return _create(store, who, app, now, "Initial revision.", 1)
    found = reasons(content_of(store, before), now)
    return _create(store, who, app, now, " ".join(found), before["version"] + 1) if found else before


def roll_back(store: Store, who: Identity, app: Record, target: Record) -> Record | None:
    """A new revision with an old one's content; none when switched off.

    Raises:
        ApiError: it would be the same as the newest.
    """
    if not app["revisions_enabled"]:
        return None
    before = latest(store, app["guid"])
    content = content_of(store, target)
    found = reasons(content_of(store, before), content) if before else ["Initial revision."]
    if not found:
        raise errors.unprocessable(
            "Unable to rollback. The code and configuration you are rolling back to is the same as the deployed revision."
        )
    found.append(f"Rolled back to revision {target['version']}.")
    return _create(store, who, app, content, " ".join(found), (before["version"] if before else 0) + 1)


def _create(
    store: Store, who: Identity | None, app: Record, content: Content, description: str, version: int
) -> Record:
    made = store.insert(
        t.revisions,
        app_guid=app["guid"],
        version=version,
        droplet_guid=content.droplet_guid,
        environment_sealed=store.vault.seal(content.environment),
        description=description,
        commands=content.commands,
        sidecars=content.sidecars,
    )
    space = store.find(t.spaces, app["space_guid"])
    data = {"revision_guid": made["guid"], "revision_version": version}
    events.record(store, who, "audit.app.revision.create", ("app", app), space=space, data=data)
    return made


def expire(store: Store, app_guid: str, keep: int) -> None:
    """Forget all but the newest revisions."""
    query = (
        sa.select(t.revisions.c.guid).where(t.revisions.c.app_guid == app_guid).order_by(t.revisions.c.version.desc())
    )
    old = store.column(query.offset(keep))
    labels.forget(store, "revision", old)
    store.remove_where(t.revisions, t.revisions.c.guid.in_(old))
