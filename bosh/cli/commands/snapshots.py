"""Snapshots of persistent disks."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.disks import shown
from bosh.cli.commands.slugs import instance
from bosh.cli.output.table import Table
from bosh.cli.session import doing

Slug = Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")]


def _place(slug: str) -> tuple[str, ...]:
    return (*(("jobs", *instance(slug)) if slug else ()), "snapshots")


def snapshots(context: typer.Context, slug: Slug = "") -> None:
    place = _place(slug)
    session = sessions.of(context)
    path = path_of(session.deployment(), *place)
    with doing("Finding snapshots"):
        found = session.director().get(path)
    rows = tuple(
        (
            f"{item['job']}/{item.get('uuid') or item['index']}",
            item["snapshot_cid"],
            shown(item["created_at"]),
            bool(item["clean"]),
        )
        for item in found
    )
    session.ui.table(Table("snapshots", ("Instance", "CID", "Created At", "Clean"), rows))


def take_snapshot(context: typer.Context, slug: Slug = "") -> None:
    place = _place(slug)
    session = sessions.of(context)
    path = path_of(session.deployment(), *place)
    session.run_task("POST", path, what=f"Taking snapshot for instance '{slug}'" if slug else "")


def delete_snapshot(context: typer.Context, cid: Annotated[str, typer.Argument(metavar="CID")]) -> None:
    session = sessions.of(context)
    deployment = session.deployment()
    session.ui.confirm()

    def is_there() -> bool:
        found = session.director().get(path_of(deployment, "snapshots"))
        return any(item["snapshot_cid"] == cid for item in found)

    what = f"Deleting snapshot '{cid}' from deployment '{deployment}'"
    session.remove(path_of(deployment, "snapshots", cid), what=what, is_there=is_there)


def delete_snapshots(context: typer.Context) -> None:
    session = sessions.of(context)
    deployment = session.deployment()
    session.ui.confirm()
    session.run_task(
        "DELETE", path_of(deployment, "snapshots"), what=f"Deleting snapshots for deployment '{deployment}'"
    )
