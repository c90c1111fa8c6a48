"""The director's event log."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.tasks import when
from bosh.cli.output.table import Table

COLUMNS = (
    "ID", "Time", "User", "Action", "Object Type", "Object Name", "Task ID", "Deployment", "Instance", "Context", "Error",
)  # fmt: skip


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    parent = f" <- {event['parent_id']}" if event.get("parent_id") else ""
    texts = (event.get(key) for key in ("object_type", "object_name", "task", "deployment", "instance"))
    context = json.dumps(event["context"], indent=2) if event.get("context") else ""
    return (
        f"{event['id']}{parent}",
        when(event["timestamp"]),
        event.get("user") or "",
        event.get("action") or "",
        *(text or "" for text in texts),
        context,
        event.get("error") or "",
    )


def events(
    context: typer.Context,
    before_id: Annotated[str, typer.Option("--before-id", help="Show events with ID less than the given ID")] = "",
    before: Annotated[str, typer.Option("--before", help="Show events before the given timestamp")] = "",
    after: Annotated[str, typer.Option("--after", help="Show events after the given timestamp")] = "",
    task: Annotated[str, typer.Option("--task", help="Show events with the given task ID")] = "",
    instance: Annotated[str, typer.Option("--instance", help="Show events with given instance")] = "",
    user: Annotated[str, typer.Option("--event-user", help="Show events with given user")] = "",
    action: Annotated[str, typer.Option("--action", help="Show events with given action")] = "",
    object_type: Annotated[str, typer.Option("--object-type", help="Show events with given object type")] = "",
    object_name: Annotated[str, typer.Option("--object-name", help="Show events with given object name")] = "",
) -> None:
    session = sessions.of(context)
    found = session.director().get(
        "/events",
        before_id=before_id,
        before_time=before,
        after_time=after,
        task=task,
        deployment=session.flags.deployment,
        instance=instance,
        user=user,
        action=action,
        object_type=object_type,
        object_name=object_name,
    )
    session.ui.table(Table("events", COLUMNS, tuple(_row(event) for event in found), fill_first=True))


def event(context: typer.Context, number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    session = sessions.of(context)
    session.ui.table(Table("", COLUMNS, (_row(session.director().get(f"/events/{number}")),), transpose=True))
