"""What the director is doing, did, and should stop doing."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table, Verdict
from bosh.cli.output.tasks import date
from bosh.cli.session import Session, SessionError, doing

_RUNNING = "processing,cancelling,queued"
_BAD = frozenset({"error", "timeout", "cancelled"})


def when(seconds: Any) -> str:
    """Unix seconds as the original prints times; empty for none."""
    return date(int(seconds)) if seconds else ""


def table(found: list[dict[str, Any]]) -> Table:
    columns = ("ID", "State", "Started At", "Finished At", "User", "Deployment", "Description", "Result")
    rows = tuple(
        (
            int(task["id"]),
            Verdict(task["state"], task["state"] in _BAD),
            when(task.get("started_at")),
            "-" if not task.get("timestamp") else when(task["timestamp"]),
            task["user"],
            task.get("deployment") or "",
            task["description"],
            task.get("result") or "",
        )
        for task in found
    )
    return Table("tasks", columns, rows, sort_by=(0,), descending=True)


def tasks(
    context: typer.Context,
    recent: Annotated[
        int | None,
        typer.Option("--recent", "-r", help="Show 30 recent tasks. Use '=' to specify the number of tasks to show"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="Include all task types (ssh, logs, vms, etc)")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    query: dict[str, Any] = {"deployment": session.flags.deployment}
    if recent is None:
        with doing("Finding current tasks"):
            found = director.get("/tasks", verbose=2, state=_RUNNING, **query)
    else:
        with doing("Finding recent tasks"):
            found = director.get("/tasks", verbose=2 if every else 1, limit=recent, **query)
    session.ui.table(table(found))


def task(
    context: typer.Context,
    task_id: Annotated[int, typer.Argument(metavar="ID")] = 0,
    event: Annotated[bool, typer.Option("--event", help="Track event log")] = False,
    cpi: Annotated[bool, typer.Option("--cpi", help="Track CPI log")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Track debug log")] = False,
    result: Annotated[bool, typer.Option("--result", help="Track result log")] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="Include all task types (ssh, logs, vms, etc)")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    if task_id:
        with doing(f"Finding task '{task_id}'"):
            director.task(task_id)
    number = task_id or _current(session, every=every)
    wanted = (("event", event), ("cpi", cpi), ("debug", debug), ("result", result))
    kind = next((kind for kind, is_wanted in wanted if is_wanted), "")
    session.watch(number, what=f"Capturing task '{number}' output", kind=kind or "event", events=not kind)


def _current(session: Session, *, every: bool) -> int:
    with doing("Finding current tasks"):
        found = session.director().get(
            "/tasks", verbose=2 if every else 1, state=_RUNNING, deployment=session.flags.deployment
        )
    if not found:
        raise SessionError("No task found")
    return int(found[0]["id"])


def cancel_task(context: typer.Context, task_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    director = sessions.of(context).director()
    with doing(f"Finding task '{task_id}'"):
        director.task(task_id)
    with doing(f"Cancelling task '{task_id}'"):
        director.call("DELETE", f"/task/{task_id}")


def cancel_tasks(
    context: typer.Context,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--type", "-t", help="task types to cancel (cck_scan_and_fix, cck_apply, update_release, …) (default: all)"
        ),
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", "-s", help="task states to cancel (queued, processing) (default: queued)"),
    ] = None,
) -> None:
    session = sessions.of(context)
    director = session.director()
    body = {"types": kinds or [], "states": states or [], "deployment": session.flags.deployment}
    headers = {"Content-Type": "application/json"}
    with doing("Cancelling tasks"):
        director.call("POST", "/tasks/cancel", body=json.dumps(body).encode(), headers=headers)
