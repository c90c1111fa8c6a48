"""Log bundles, and logs as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.downloads import download
from bosh.cli.commands.slugs import all_or_group_or_instance
from bosh.cli.commands.ssh import (
    Disable,
    Gateway,
    GatewayHost,
    GatewayKey,
    GatewayUser,
    Socks5,
    access,
    run_everywhere,
)
from bosh.cli.session import SessionError, doing

LOGS = "/var/vcap/sys/log"
_SYSTEM = (
    "$(find /var/log -type f -not -name \\*.gz -not -name \\*.xz -not -name \\*.\\[1-9] "
    "-not -path /var/log/journal/\\* -not -name wtmp -not -name lastlog)"
)


def logs(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP[/INSTANCE-ID]")] = "",
    folder: Annotated[Path, typer.Option("--dir", help="Destination directory")] = Path(),
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow logs via SSH")] = False,
    num: Annotated[int, typer.Option("--num", help="Last number of lines")] = 0,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Suppresses printing of headers when multiple files are being examined"),
    ] = False,
    job: Annotated[list[str] | None, typer.Option("--job", help="Limit to only specific jobs (with --follow)")] = None,
    only: Annotated[str, typer.Option("--only", help="Filter logs to specific files (comma-separated)")] = "",
    agent: Annotated[bool, typer.Option("--agent", help="Include only agent logs")] = False,
    system: Annotated[bool, typer.Option("--system", help="Include only system logs")] = False,
    all_logs: Annotated[
        bool, typer.Option("--all-logs", help="Include all logs (agent, system, and job logs)")
    ] = False,
    gw_disable: Disable = False,
    gw_user: GatewayUser = "",
    gw_host: GatewayHost = "",
    gw_private_key: GatewayKey = "",
    gw_socks5: Socks5 = "",
) -> None:
    group, number = all_or_group_or_instance(slug)
    session = sessions.of(context)
    deployment = session.deployment()
    kinds = [
        kind
        for kind, wanted in (("agent", agent or all_logs), ("job", all_logs), ("system", system or all_logs))
        if wanted
    ] or ["job"]
    filters = [part for part in only.split(",") if part]
    if follow or num:
        command = tail_command(kinds, jobs=job or [], filters=filters, follow=follow, lines=num, quiet=quiet)
        gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
        with doing("Running follow over non-interactive SSH"):
            run_everywhere(session, access(session, slug, gateway), command, results=False, tty=follow)
        return
    if job:
        raise SessionError("Expected --job only with --follow; use --only to choose files")
    query = {"type": ",".join(kinds), "filters": ",".join(filters)}
    task = session.run_task(
        "GET", path_of(deployment, "jobs", group, number, "logs"), what="Fetching logs", query=query
    )
    blob_id = str(task.get("result") or "")
    if not blob_id:
        raise SessionError("Expected the task to name a log bundle, but its result is empty")
    prefix = ".".join(
        part for part in (deployment, group if group != "*" else "", number if number != "*" else "") if part
    )
    with doing("Downloading logs"):
        download(session, blob_id, "", prefix=prefix, folder=folder)


def tail_command(
    kinds: list[str], *, jobs: list[str], filters: list[str], follow: bool, lines: int, quiet: bool
) -> list[str]:
    """The ``tail`` that the instances run (bosh-cli: cmd/logs.go)."""
    words = [
        "exec",
        "tail",
        *(["-F"] if follow else []),
        *(["-n", str(lines)] if lines else []),
        *(["-q"] if quiet else []),
    ]
    if "system" in kinds:
        words.append(_SYSTEM)
    if "agent" in kinds:
        words.append("/var/vcap/bosh/log/current")
    if jobs:
        words += [f"{LOGS}/{name}/*.log" for name in jobs]
    elif filters:
        words += [f"{LOGS}/{name}" for name in filters]
    elif "job" in kinds:
        words += [f"$(find {LOGS}/ -name \\*.log)"]
    return ["sudo", "bash", "-c", "'" + " ".join(words) + "'"]
