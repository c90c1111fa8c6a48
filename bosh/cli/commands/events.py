"""The director's event log."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.tasks import when
from bosh.cli.output.table import Cell, Table
from bosh.cli.output.values import yaml_of
from bosh.cli.session import doing

COLUMNS = (
    "ID", "Time", "User", "Action", "Object Type", "Object Name", "Task ID", "Deployment", "Instance", "Context", "Error",
)  # fmt: skip


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    parent = f" <- {event['parent_id']}" if event.get("parent_id") else ""
    texts = (
        event.get(key) for key in ("user", "action", "object_type", "object_name", "task", "deployment", "instance")
    )
    return (
        f"{event['id']}{parent}",
        when(event["timestamp"]),
        *(text or "" for text in texts),
        yaml_of(event.get("context")),
        event.get("error") or "",
    )


def events(
    context: typer.Context,
    before_id: Annotated[str, typer.Option("--before-id", help="Show events with ID less than the given ID")] = "",
    before: Annotated[
        str, typer.Option("--before", help="Show events before the given timestamp (ex: 2016-05-08 17:26:32)")
    ] = "",
    after: Annotated[
        str, typer.Option("--after", help="Show events after the given timestamp (ex: 2016-05-08 17:26:32)")
    ] = "",
    task: Annotated[str, typer.Option("--task", help="Show events with the given task ID")] = "",
    instance: Annotated[str, typer.Option("--instance", help="Show events with given instance")] = "",
    user: Annotated[str, typer.Option("--event-user", help="Show events with given user")] = "",
    action: Annotated[str, typer.Option("--action", help="Show events with given action")] = "",
    object_type: Annotated[str, typer.Option("--object-type", help="Show events with given object type")] = "",
    object_name: Annotated[str, typer.Option("--object-name", help="Show events with given object name")] = "",
) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Finding events"):
        found = director.get(
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
    session.ui.table(Table("events", COLUMNS, tuple(_row(event) for event in found)))


def event(context: typer.Context, number: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing(f"Finding event '{number}'"):
        found = director.get(f"/events/{number}")
    cells: dict[str, Cell] = dict(zip(COLUMNS, _row(found), strict=True))
    cells["Context"] = sorted(f"{key}: {_plain(value)}" for key, value in (found.get("context") or {}).items())
    always = {"ID", "Time", "Action", "Object Type"}
    kept = {title: cell for title, cell in cells.items() if cell or title in always}
    session.ui.table(Table("", tuple(kept), (tuple(kept.values()),), transpose=True))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
