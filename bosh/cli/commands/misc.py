"""Locks, clean-up, and raw requests."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands.tasks import when
from bosh.cli.failures import UsageError
from bosh.cli.output.table import Cell, Table
from bosh.cli.session import SessionError, doing
from bosh.clients.director import Reply


def locks(context: typer.Context) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Finding locks"):
        found = director.get("/locks")
    rows = tuple(
        (lock["type"], ":".join(lock["resource"]), str(lock.get("task_id") or ""), when(float(lock["timeout"])))
        for lock in found
    )
    session.ui.table(Table("locks", ("Type", "Resource", "Task ID", "Expires at"), rows, sort_by=(2,)))


def clean_up(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Clean up all unused resources including all orphaned disks")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print out the resources that will be deleted but does not delete anything"),
    ] = False,
    keep_orphaned_disks: Annotated[
        bool, typer.Option("--keep-orphaned-disks", help="Keep orphaned disks even with '--all'")
    ] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    config = {"remove_all": everything, "keep_orphaned_disks": keep_orphaned_disks}
    if not dry_run:
        session.ui.confirm()
        body, headers = json.dumps({"config": config}).encode(), {"Content-Type": "application/json"}
        session.run_task("POST", "/cleanup", what="Cleaning up resources", body=body, headers=headers)
        return
    with doing("Cleaning up resources"):
        doomed = director.get("/cleanup/dryrun", **{key: str(value).lower() for key, value in config.items()})
    for table in doomed_tables(doomed):
        session.ui.table(table)


def doomed_tables(doomed: dict[str, list[Any]]) -> list[Table]:
    """What a clean-up would remove, a table a kind (bosh-cli: cmd/clean_up.go)."""
    kinds: list[tuple[str, str, tuple[tuple[str, str], ...]]] = [
        ("Unused Stemcells", "stemcells", (("Name", "name"), ("Version", "version"))),
        (
            "Unused Compiled Packages",
            "compiled_packages",
            (("Name", "package_name"), ("Stemcell OS", "stemcell_os"), ("Stemcell Version", "stemcell_version")),
        ),
        ("Exported Releases", "exported_releases", (("Blob ID", ""),)),
        ("Stale DNS Record Blobs", "dns_blobs", (("Blob ID", ""),)),
        (
            "Orphaned Disks",
            "orphaned_disks",
            (
                ("Disk CID", "disk_cid"),
                ("Deployment", "deployment_name"),
                ("Instance", "instance_name"),
                ("Size (mb)", "size"),
            ),
        ),
        (
            "Orphaned VMs",
            "orphaned_vms",
            (("VM CID", "cid"), ("Deployment", "deployment_name"), ("Instance", "instance_name")),
        ),
    ]
    releases = tuple((item["name"], version) for item in doomed.get("releases") or [] for version in item["versions"])
    tables = [Table("", ("Name", "Version"), releases, title="Unused Releases", sort_by=(0,))]
    for title, kind, columns in kinds:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            tuple(str(item[key] if key else item) for _, key in columns) for item in doomed.get(kind) or []
        )
        tables.append(Table("", tuple(name for name, _ in columns), rows, title=title, sort_by=(0,)))
    return tables


def _header(text: str) -> tuple[str, str]:
    """``name: value``. Raises UsageError."""
    name, colon, value = text.partition(": ")
    if not colon:
        raise UsageError(
            f"invalid argument for flag `-H, --header': Expected header '{text}' to be in format 'name: value'"
        )
    for part, what in ((name, "name"), (value, "value")):
        if not part:
            raise UsageError(
                f"invalid argument for flag `-H, --header': Expected header '{text}' to specify non-empty {what}"
            )
    return name, value


def curl(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="URL path which can include query string")],
    method: Annotated[str, typer.Option("--method", "-X", help="HTTP method")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="HTTP header in 'name: value' format")
    ] = None,
    body: Annotated[str, typer.Option("--body", help="HTTP request body (path)")] = "",
    show_headers: Annotated[bool, typer.Option("--show-headers", "-i", help="Show HTTP headers")] = False,
) -> None:
    headers = dict(_header(item) for item in header or [])
    content = templates.read_bytes(body) if body else None
    session = sessions.of(context)
    director = session.director()
    if method not in {"GET", "POST", "PUT", "DELETE"}:
        raise SessionError(f"Unknown method '{method}'")
    if method == "DELETE" and headers:
        raise SessionError("Expected no headers")
    reply = director.request(method, path, body=content, headers=headers)
    if reply.status == HTTPStatus.FOUND and method != "GET":
        # As the original does: what was begun is what the caller wants to see.
        reply = director.request("GET", director.path_of(reply.headers["location"]))
    if show_headers:
        session.ui.block(_head(reply))
    session.ui.block(reply.body.decode(errors="replace"))
    if reply.status not in {200, 201, 204, 206, 302}:
        text = reply.body.decode(errors="replace")
        what = f"Director responded with non-successful status code '{reply.status}' response '{text}'"
        raise SessionError("Executing HTTP request", what)


def _head(reply: Reply) -> str:
    """Status line and headers as HTTP writes them."""
    names = sorted((name.title(), value) for name, value in reply.headers.items())
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        *(f"{name}: {value}" for name, value in names),
    ]
    return "\r\n".join(lines) + "\r\n\r\n"
