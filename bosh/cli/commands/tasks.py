"""What the director is doing, did, and should stop doing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError

RECENT = 30


def when(seconds: Any) -> str:
    """Unix seconds as the original prints times; empty for none."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%a %b %e %H:%M:%S UTC %Y") if seconds else ""


def table(found: list[dict[str, Any]]) -> Table:
    columns = ("ID", "State", "Started At", "Finished At", "User", "Deployment", "Description", "Result")
    rows = tuple(
        (
            str(task["id"]),
            task["state"],
            when(task.get("started_at")),
            when(task.get("timestamp")),
            task["user"],
            task.get("deployment") or "",
            task["description"],
            task.get("result") or "",
        )
        for task in found
    )
    return Table("tasks", columns, rows)


def tasks(
    context: typer.Context,
    recent: Annotated[bool, typer.Option("--recent", "-r", help="Show recent tasks, finished ones too")] = False,
    count: Annotated[int, typer.Argument(help="How many recent tasks")] = RECENT,
    every: Annotated[bool, typer.Option("--all", "-a", help="Include all task types (ssh, logs, vms, etc)")] = False,
) -> None:
    session = sessions.of(context)
    query: dict[str, Any] = {"verbose": 2 if every else 1, "deployment": session.flags.deployment}
    query |= {"limit": count} if recent else {"state": "processing,cancelling,queued"}
    session.ui.table(table(session.director().get("/tasks", **query)))


def task(
    context: typer.Context,
    task_id: Annotated[str, typer.Argument(metavar="ID")] = "",
    event: Annotated[bool, typer.Option("--event", help="Track event log")] = False,
    cpi: Annotated[bool, typer.Option("--cpi", help="Track CPI log")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Track debug log")] = False,
    result: Annotated[bool, typer.Option("--result", help="Track result log")] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="Include all task types (ssh, logs, vms, etc)")] = False,
) -> None:
    session = sessions.of(context)
    number = int(task_id) if task_id else _current(session, every=every)
    kinds = [kind for kind, wanted in (("debug", debug), ("cpi", cpi), ("result", result)) if wanted]
    session.follow(number, what=f"Capturing task '{number}' output", kind=kinds[0] if kinds else "event")


def _current(session: Session, *, every: bool) -> int:
    query = {
        "verbose": 2 if every else 1,
        "state": "processing,cancelling,queued",
        "deployment": session.flags.deployment,
    }
    found = session.director().get("/tasks", **query)
    if not found:
        raise SessionError("No task found")
    return int(found[0]["id"])


def cancel_task(context: typer.Context, task_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    sessions.of(context).director().call("DELETE", f"/task/{task_id}")


def cancel_tasks(
    context: typer.Context,
    kinds: Annotated[list[str] | None, typer.Option("--type", "-t", help="Task types to cancel")] = None,
    states: Annotated[list[str] | None, typer.Option("--state", "-s", help="Task states to cancel")] = None,
) -> None:
    session = sessions.of(context)
    body = {"types": kinds or [], "states": states or [], "deployment": session.flags.deployment}
    headers = {"Content-Type": "application/json"}
    session.director().call("POST", "/tasks/cancel", body=json.dumps(body).encode(), headers=headers)
