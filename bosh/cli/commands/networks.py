"""Managed networks that no deployment uses any more."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.disks import shown
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError, doing


def networks(
    context: typer.Context,
    orphaned: Annotated[bool, typer.Option("--orphaned", "-o", help="List orphaned networks")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    if not orphaned:
        raise SessionError("Only --orphaned is supported")
    with doing("Finding orphaned networks"):
        found = director.get("/networks", orphaned="true")
    rows = tuple((item["name"], item["type"], shown(item["created_at"]), shown(item["orphaned_at"])) for item in found)
    session.ui.table(Table("networks", ("Name", "Type", "Created At", "Orphaned At"), rows, sort_by=(0,)))


def delete_network(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    session = sessions.of(context)
    director = session.director()
    session.ui.confirm()

    def is_there() -> bool:
        return any(item["name"] == name for item in director.get("/networks", orphaned="true"))

    session.remove(f"/networks/{name}", what=f"Deleting orphaned network '{name}'", is_there=is_there)
