"""Stemcells of the director."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.slugs import stemcell
from bosh.cli.commands.uploads import REMOTE, local_path, opening_archive, send_file, send_location, without_credentials
from bosh.cli.output.table import Table
from bosh.cli.session import Session, doing
from bosh.manifest.versions import stemcell_version
from bosh.stemcell import archive


def stemcells(context: typer.Context) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Finding stemcells"):
        found = director.get("/stemcells")
    found = sorted(found, key=lambda item: stemcell_version(item["version"]), reverse=True)
    rows = tuple(
        (
            item["name"],
            item["version"] + ("*" if item.get("deployments") else ""),
            item.get("operating_system") or "",
            item.get("cpi") or "",
            item["cid"],
        )
        for item in sorted(found, key=lambda item: item["name"])
    )
    columns = ("Name", "Version", "OS", "CPI", "CID")
    session.ui.table(Table("stemcells", columns, rows, notes=("(*) Currently deployed",)))


def upload_stemcell(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="PATH|URL", help="Path to a local file or URL")],
    fix: Annotated[bool, typer.Option("--fix", help="Replaces the stemcell if already exists")] = False,
    name: Annotated[
        str, typer.Option("--name", help="Name used in existence check (is not used with local stemcell file)")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", help="Version used in existence check (is not used with local stemcell file)")
    ] = "",
    sha1: Annotated[
        str, typer.Option("--sha1", help="SHA1 of the remote stemcell (is not used with local files)")
    ] = "",
) -> None:
    session = sessions.of(context)
    session.director()
    query = {"fix": "true"} if fix else {}
    if REMOTE.match(source):
        if fix or not (name and version) or needed(session, name, version):
            what = f"Uploading remote stemcell '{without_credentials(source)}'"
            send_location(session, "/stemcells", source, sha1=sha1, what=what, query=query)
        return
    path = local_path(source)
    with doing("Retrieving stemcell info"), opening_archive(path):
        manifest = archive.read(path, check_image=False).manifest
    if fix or needed(session, manifest.name, manifest.version):
        send_file(session, "/stemcells", path, what="Uploading stemcell file", query=query)


def needed(session: Session, name: str, version: str) -> bool:
    """Whether some CPI lacks this stemcell; says so when none does."""
    body = json.dumps({"stemcell": {"name": name, "version": version}}).encode()
    headers = {"Content-Type": "application/json"}
    with doing("Finding stemcells"):
        answer = session.director().call("POST", "/stemcell_uploads", body=body, headers=headers).json()
    if not answer["needed"]:
        session.ui.line(f"Stemcell '{name}/{version}' already exists.")
    return bool(answer["needed"])


def delete_stemcell(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="NAME/VERSION")],
    force: Annotated[bool, typer.Option("--force", help="Ignore errors")] = False,
) -> None:
    name, version = stemcell(slug)
    session = sessions.of(context)
    director = session.director()
    session.ui.confirm()

    def is_there() -> bool:
        return any((item["name"], item["version"]) == (name, version) for item in director.get("/stemcells"))

    query = {"force": "true"} if force else {}
    path = f"/stemcells/{name}/{version}"
    session.remove(path, what=f"Deleting stemcell '{slug}'", is_there=is_there, query=query)
