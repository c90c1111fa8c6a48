"""Persistent disks that belong to nobody, and how they find an owner or an end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.slugs import instance
from bosh.cli.output.table import Table
from bosh.cli.output.tasks import date
from bosh.cli.output.values import binary
from bosh.cli.session import SessionError, doing

Cid = Annotated[str, typer.Argument(metavar="CID")]


def moment(text: Any) -> datetime | None:
    """A time as the director writes it: RFC 3339, or ``2016-05-08 17:26:32 UTC`` (or ``-0700``); None for none."""
    if not text:
        return None
    return datetime.fromisoformat(str(text).replace(" UTC", "+00:00").replace(" +", "+").replace("Z", "+00:00"))


def shown(text: Any) -> str:
    """A time of the director's as times are shown."""
    found = moment(text)
    return date(found.timestamp()) if found else ""


def newest_first(items: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """By the time under ``key``."""
    return sorted(items, key=lambda item: found.timestamp() if (found := moment(item[key])) else 0.0, reverse=True)


def disks(
    context: typer.Context,
    orphaned: Annotated[bool, typer.Option("--orphaned", "-o", help="List orphaned disks")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    if not orphaned:
        raise SessionError("Only --orphaned is supported")
    with doing("Finding orphaned disks"):
        found = director.get("/disks")
    columns = ("Disk CID", "Size", "Deployment", "Instance", "AZ", "Orphaned At")
    rows = tuple(
        (
            disk["disk_cid"],
            binary(int(disk["size"]) * 1024 * 1024),
            disk["deployment_name"],
            disk["instance_name"],
            disk["az"] or "",
            shown(disk["orphaned_at"]),
        )
        for disk in newest_first(found, "orphaned_at")
    )
    session.ui.table(Table("disks", columns, rows))


def attach_disk(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")],
    cid: Annotated[str, typer.Argument(metavar="DISK-CID")],
    disk_properties: Annotated[
        str,
        typer.Option(
            "--disk-properties",
            help="Disk properties to use for the new disk. Use 'copy' to copy the properties from the attached disk",
        ),
    ] = "",
) -> None:
    group, number = instance(slug)
    session = sessions.of(context)
    query = {
        "deployment": session.deployment(),
        "job": group,
        "instance_id": number,
        "disk_properties": disk_properties,
    }
    session.run_task("PUT", f"/disks/{cid}/attachments", what="", query=query)


def delete_disk(context: typer.Context, cid: Cid) -> None:
    session = sessions.of(context)
    director = session.director()
    session.ui.confirm()

    def is_there() -> bool:
        return any(disk["disk_cid"] == cid for disk in director.get("/disks"))

    session.remove(f"/disks/{cid}", what=f"Deleting orphaned disk '{cid}'", is_there=is_there)


def orphan_disk(context: typer.Context, cid: Cid) -> None:
    session = sessions.of(context)
    session.director()
    session.ui.confirm()
    session.run_task("DELETE", f"/disks/{cid}", what=f"Orphaning disk '{cid}'", query={"orphan": "true"})
