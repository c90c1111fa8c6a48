"""Deployments: which there are, what they were made of, an end to one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import SessionError, doing


def path_of(deployment: str, *rest: str) -> str:
    """``/deployments/NAME/…`` with everything escaped."""
    return "/".join(["/deployments", quote(deployment, safe=""), *(quote(part, safe="*") for part in rest)])


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    versions = [[f"{part['name']}/{part['version']}" for part in item[kind]] for kind in ("releases", "stemcells")]
    return (item["name"], versions[0], versions[1], item.get("teams") or [])


_COLUMNS = ("Name", "Release(s)", "Stemcell(s)", "Team(s)")


def deployments(context: typer.Context) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Finding deployments"):
        found = director.get("/deployments", exclude_configs="true")
    session.ui.table(Table("deployments", _COLUMNS, tuple(_row(item) for item in found), sort_by=(0,)))


def deployment(context: typer.Context) -> None:
    session = sessions.of(context)
    director = session.director()
    name = session.flags.deployment
    if not name:
        raise SessionError("Expected non-empty deployment name")
    with doing("Finding deployments"):
        found = [item for item in director.get("/deployments") if item["name"] == name]
    if not found:
        raise SessionError(f"Expected to find deployment '{name}'")
    configs = director.get("/deployment_configs", **{"deployment[]": name})
    used = [f"{item['config']['id']} {item['config']['type']}/{item['config']['name']}" for item in configs]
    columns, row = (*_COLUMNS[:3], "Config(s)", "Team(s)"), _row(found[0])
    session.ui.table(Table("deployments", columns, ((*row[:3], used, row[3]),)))


def delete_deployment(
    context: typer.Context, force: Annotated[bool, typer.Option("--force", help="Ignore errors")] = False
) -> None:
    session = sessions.of(context)
    name = session.deployment()
    session.ui.confirm()

    def is_there() -> bool:
        return any(item["name"] == name for item in session.director().get("/deployments", exclude_configs="true"))

    query = {"force": "true"} if force else {}
    session.remove(path_of(name), what=f"Deleting deployment '{name}'", is_there=is_there, query=query)


def manifest(context: typer.Context) -> None:
    session = sessions.of(context)
    name = session.deployment()
    with doing("Fetching manifest"), doing(f"Finding deployment '{name}'"):
        found = session.director().get(path_of(name))
    session.ui.block(str(found["manifest"] or ""))


def variables(context: typer.Context) -> None:
    session = sessions.of(context)
    name = session.deployment()
    with doing(f"Error fetching variables for deployment '{name}'"):
        found = session.director().get(path_of(name, "variables"))
    rows = tuple((str(item["id"]), item["name"]) for item in found)
    session.ui.table(Table("variables", ("ID", "Name"), rows, sort_by=(1,)))
