"""Deployments: which there are, what they were made of, an end to one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError
from bosh.clients.director import DirectorError


def path_of(deployment: str, *rest: str) -> str:
    """``/deployments/NAME/…`` with everything escaped."""
    return "/".join(["/deployments", quote(deployment, safe=""), *(quote(part, safe="*") for part in rest)])


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    versions = [[f"{part['name']}/{part['version']}" for part in item[kind]] for kind in ("releases", "stemcells")]
    return (item["name"], sorted(versions[0]), sorted(versions[1]), sorted(item.get("teams") or []))


_COLUMNS = ("Name", "Release(s)", "Stemcell(s)", "Team(s)")


def deployments(context: typer.Context) -> None:
    session = sessions.of(context)
    found = session.director().get("/deployments", exclude_configs="true")
    session.ui.table(Table("deployments", _COLUMNS, tuple(_row(item) for item in found), sort_by=(0,)))


def deployment(context: typer.Context) -> None:
    session = sessions.of(context)
    name, director = session.deployment(), session.director()
    found = [item for item in director.get("/deployments") if item["name"] == name]
    if not found:
        raise SessionError(f"Expected to find deployment '{name}'")
    configs = director.get("/deployment_configs", **{"deployment[]": name})
    used = [f"{item['config']['id']} {item['config']['type']}/{item['config']['name']}" for item in configs]
    session.ui.table(
        Table("deployments", (*_COLUMNS[:3], "Config(s)", "Team(s)"), ((*_row(found[0])[:3], used, _row(found[0])[3]),))
    )


def delete_deployment(
    context: typer.Context, force: Annotated[bool, typer.Option("--force", help="Ignore errors")] = False
) -> None:
    session = sessions.of(context)
    name = session.deployment()
    session.ui.confirm()
    try:
        query = {"force": "true"} if force else {}
        session.run_task("DELETE", path_of(name), what=f"Deleting deployment '{name}'", query=query)
    except DirectorError as error:
        if error.status != 404:
            raise
        session.ui.line(f"Deployment '{name}' does not exist")


def manifest(context: typer.Context) -> None:
    session = sessions.of(context)
    session.ui.block(str(session.director().get(path_of(session.deployment()))["manifest"] or ""))


def variables(context: typer.Context) -> None:
    session = sessions.of(context)
    found = session.director().get(path_of(session.deployment(), "variables"))
    rows = tuple((str(item["id"]), item["name"]) for item in found)
    session.ui.table(Table("variables", ("ID", "Name"), rows, sort_by=(1,)))
