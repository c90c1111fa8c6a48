"""Snapshots of persistent disks."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.slugs import instance
from bosh.cli.output.table import Table
from bosh.cli.session import Session

Slug = Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")]


def _path(session: Session, slug: str) -> str:
    parts = ("jobs", *instance(slug)) if slug else ()
    return path_of(session.deployment(), *parts, "snapshots")


def snapshots(context: typer.Context, slug: Slug = "") -> None:
    session = sessions.of(context)
    rows = tuple(
        (
            f"{item['job']}/{item.get('uuid') or item['index']}",
            item["snapshot_cid"],
            str(item["created_at"]),
            bool(item["clean"]),
        )
        for item in session.director().get(_path(session, slug))
    )
    session.ui.table(Table("snapshots", ("Instance", "CID", "Created At", "Clean"), rows, sort_by=(0, 2)))


def take_snapshot(context: typer.Context, slug: Slug = "") -> None:
    session = sessions.of(context)
    session.run_task("POST", _path(session, slug), what="Taking snapshot")


def delete_snapshot(context: typer.Context, cid: Annotated[str, typer.Argument(metavar="CID")]) -> None:
    session = sessions.of(context)
    session.ui.confirm()
    session.run_task("DELETE", path_of(session.deployment(), "snapshots", cid), what=f"Deleting snapshot '{cid}'")


def delete_snapshots(context: typer.Context) -> None:
    session = sessions.of(context)
    session.ui.confirm()
    session.run_task("DELETE", path_of(session.deployment(), "snapshots"), what="Deleting all snapshots")
