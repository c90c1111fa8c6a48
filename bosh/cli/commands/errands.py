"""Errands: which there are, and running one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.downloads import download
from bosh.cli.commands.slugs import group_or_instance
from bosh.cli.failures import flagged
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError, doing


def errands(context: typer.Context) -> None:
    session = sessions.of(context)
    name = session.deployment()
    with doing("Finding errands"):
        found = session.director().get(path_of(name, "errands"))
    session.ui.table(Table("errands", ("Name",), tuple((item["name"],) for item in found), sort_by=(0,)))


def run_errand(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    instance: Annotated[
        list[str] | None,
        typer.Option(
            "--instance", metavar="INSTANCE-GROUP[/INSTANCE-ID]", help="Instance or group the errand should run on"
        ),
    ] = None,
    keep_alive: Annotated[
        bool, typer.Option("--keep-alive", help="Use existing VM to run an errand and keep it after completion")
    ] = False,
    when_changed: Annotated[
        bool,
        typer.Option(
            "--when-changed",
            help="Run errand only if errand configuration has changed or if the previous run was unsuccessful",
        ),
    ] = False,
    with_heartbeat: Annotated[
        int | None,
        typer.Option(
            "--with-heartbeat",
            help="Print task state every N seconds while waiting (30). Use '=' to specify interval",
        ),
    ] = None,
    download_logs: Annotated[bool, typer.Option("--download-logs", help="Download logs")] = False,
    logs_dir: Annotated[Path, typer.Option("--logs-dir", help="Destination directory for logs")] = Path(),
) -> None:
    chosen = []
    for slug in instance or []:
        with flagged("--instance"):
            group, number = group_or_instance(slug)
        chosen.append({"group": group} | ({"id": number} if number != "*" else {}))
    session = sessions.of(context)
    session.heartbeat_s = with_heartbeat or 0
    path = path_of(session.deployment(), "errands", name, "runs")
    body = {"keep-alive": keep_alive, "when-changed": when_changed, "instances": chosen}
    headers = {"Content-Type": "application/json"}
    what = f"Running errand '{name}'"
    task = session.run_task("POST", path, what=what, body=json.dumps(body).encode(), headers=headers)
    results = session.director().result_rows(int(task["id"]))
    _show(session, results)
    for logs in (result.get("logs") or {} for result in results if download_logs):
        if logs.get("blobstore_id"):
            with doing("Downloading errand logs"):
                download(session, logs["blobstore_id"], logs.get("sha1") or "", prefix=name, folder=logs_dir)
    _verdict(name, results)


def _show(session: Session, results: list[dict[str, Any]]) -> None:
    rows = []
    for result in results:
        where = result.get("instance") or {}
        label = f"{where['group']}/{where['id']}" if where else ""
        rows.append((label, int(result["exit_code"]), result.get("stdout") or "", result.get("stderr") or ""))
    columns = ("Instance", "Exit Code", "Stdout", "Stderr")
    session.ui.table(Table("errand(s)", columns, tuple(rows), notes=(), sort_by=(0,), transpose=True, fill_first=True))


def _verdict(name: str, results: list[dict[str, Any]]) -> None:
    """Raises SessionError when one of the runs failed."""
    for result in reversed(results):
        code = int(result["exit_code"])
        if code:
            ending = "was canceled" if code > 128 else "completed with error"
            raise SessionError(f"Errand '{name}' {ending} (exit code {code})")
