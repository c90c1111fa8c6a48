"""Persistent disks that belong to nobody, and how they find an owner or an end."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.instances import size
from bosh.cli.commands.slugs import instance
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError

Cid = Annotated[str, typer.Argument(metavar="CID")]


def disks(
    context: typer.Context,
    orphaned: Annotated[bool, typer.Option("--orphaned", "-o", help="List orphaned disks")] = False,
) -> None:
    session = sessions.of(context)
    if not orphaned:
        raise SessionError("Only --orphaned is supported")
    columns = ("Disk CID", "Size", "Deployment", "Instance", "AZ", "Orphaned At")
    rows = tuple(
        (
            disk["disk_cid"],
            size(int(disk["size"]) * 1024),
            disk["deployment_name"],
            disk["instance_name"],
            disk["az"] or "",
            str(disk["orphaned_at"]),
        )
        for disk in session.director().get("/disks")
    )
    session.ui.table(Table("disks", columns, rows, sort_by=(5, 0), descending=True))


def attach_disk(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")],
    cid: Cid,
    disk_properties: Annotated[
        str, typer.Option("--disk-properties", help="Disk properties to use for the new disk: copy")
    ] = "",
) -> None:
    session = sessions.of(context)
    group, number = instance(slug)
    query = {
        "deployment": session.deployment(),
        "job": group,
        "instance_id": number,
        "disk_properties": disk_properties,
    }
    session.run_task("PUT", f"/disks/{cid}/attachments", what=f"Attaching disk '{cid}'", query=query)


def delete_disk(context: typer.Context, cid: Cid) -> None:
    session = sessions.of(context)
    session.ui.confirm()
    session.run_task("DELETE", f"/disks/{cid}", what=f"Deleting orphaned disk '{cid}'")


def orphan_disk(context: typer.Context, cid: Cid) -> None:
    session = sessions.of(context)
    session.ui.confirm()
    session.run_task("DELETE", f"/disks/{cid}", what=f"Orphaning disk '{cid}'", query={"orphan": "true"})
