"""Locks, clean-up, and raw requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError


def locks(context: typer.Context) -> None:
    session = sessions.of(context)
    rows = tuple(
        (
            lock["type"],
            ":".join(lock["resource"]),
            str(lock.get("task_id") or ""),
            datetime.fromtimestamp(float(lock["timeout"]), UTC).strftime("%a %b %e %H:%M:%S UTC %Y"),
        )
        for lock in session.director().get("/locks")
    )
    session.ui.table(Table("locks", ("Type", "Resource", "Task ID", "Expires at"), rows))


def clean_up(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Remove all unused releases, stemcells, and orphaned disks")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed")] = False,
    keep_orphaned_disks: Annotated[bool, typer.Option("--keep-orphaned-disks", help="Keep orphaned disks")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    query = {"remove_all": str(everything).lower(), "keep_orphaned_disks": str(keep_orphaned_disks).lower()}
    doomed = director.get("/cleanup/dryrun", **query)
    rows = tuple((kind, _named(item)) for kind, items in doomed.items() for item in items)
    session.ui.table(Table("artifacts to remove", ("Kind", "Name"), rows))
    if dry_run:
        return
    session.ui.confirm()
    body = {"config": {"remove_all": everything, "keep_orphaned_disks": keep_orphaned_disks}}
    headers = {"Content-Type": "application/json"}
    session.run_task("POST", "/cleanup", what="Cleaning up resources", body=json.dumps(body).encode(), headers=headers)


def _named(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    name = item.get("name") or item.get("disk_cid") or item.get("cid") or item.get("blobstore_id") or ""
    return f"{name}/{item['version']}" if item.get("version") else str(name or json.dumps(item))


def curl(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH")],
    method: Annotated[str, typer.Option("--method", "-X", help="HTTP method")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="HTTP header in 'name: value' format")
    ] = None,
    body: Annotated[str, typer.Option("--body", help="HTTP request body (path)")] = "",
    show_headers: Annotated[bool, typer.Option("--show-headers", "-i", help="Show HTTP headers")] = False,
) -> None:
    session = sessions.of(context)
    headers = {name.strip(): value.strip() for name, _, value in (item.partition(":") for item in header or [])}
    content = Path(body).read_bytes() if body else None
    reply = session.director().request(method.upper(), path, body=content, headers=headers)
    if show_headers:
        session.ui.block(f"HTTP/1.1 {reply.status}\n" + "".join(f"{k}: {v}\n" for k, v in reply.headers.items()) + "\n")
    session.ui.block(reply.body.decode(errors="replace"))
    if reply.status >= 400:
        raise SessionError(f"Executing request: director responded with status {reply.status}")
