"""Managed networks that no deployment uses any more."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError


def networks(
    context: typer.Context,
    orphaned: Annotated[bool, typer.Option("--orphaned", "-o", help="List orphaned networks")] = False,
) -> None:
    session = sessions.of(context)
    if not orphaned:
        raise SessionError("Only --orphaned is supported")
    rows = tuple(
        (item["name"], item["type"], str(item["created_at"]), str(item["orphaned_at"]))
        for item in session.director().get("/networks", orphaned="true")
    )
    session.ui.table(Table("networks", ("Name", "Type", "Created At", "Orphaned At"), rows))


def delete_network(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    session = sessions.of(context)
    session.ui.confirm()
    session.run_task("DELETE", f"/networks/{name}", what=f"Deleting network '{name}'")
