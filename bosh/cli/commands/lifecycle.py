"""Start, stop, restart, recreate; ignore; the health monitor's switch."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.slugs import all_or_group_or_instance, instance
from bosh.cli.commands.times import rfc3339
from bosh.cli.failures import UsageError
from bosh.cli.session import Session, SessionError, doing

Slug = Annotated[str, typer.Argument(metavar="INSTANCE-GROUP[/INSTANCE-ID]")]
Canaries = Annotated[str, typer.Option("--canaries", help="Override manifest values for canaries")]
MaxInFlight = Annotated[str, typer.Option("--max-in-flight", help="Override manifest values for max_in_flight")]
SkipDrain = Annotated[bool, typer.Option("--skip-drain", help="Skip running drain and pre-stop scripts")]
Converge = Annotated[
    bool, typer.Option("--converge", help="Converge the deployment state before running action (default)")
]
NoConverge = Annotated[bool, typer.Option("--no-converge", help="Act only on specified instance")]


def _alone_is_enough(action: str, slug: str, *, converge: bool, **given: str | bool) -> None:
    """``--no-converge`` is for one instance and goes with little else. Raises SessionError."""
    for name, value in {"converge": converge, **given}.items():
        if value:
            raise SessionError(f"Can't set {name.replace('_', '-')} and no-converge")
    if "/" not in slug:
        raise SessionError(
            f"You are trying to run {action} with --no-converge on an entire instance group. This operation is not allowed. "
            "Trying using the --converge flag or running it against a specific instance."
        )


def _change(
    session: Session, slug: str, action: str, state: str, *, alone: bool, converge: bool, **options: Any
) -> None:
    """Ask for a state of some instances: with convergence of the whole deployment, or of the one instance alone."""
    group, number = all_or_group_or_instance(slug)
    deployment = session.deployment()
    session.ui.confirm()
    headers = {"Content-Type": "text/yaml"}
    if alone:
        given = {key: options.get(key) or "" for key in ("canaries", "max_in_flight", "dry_run")}
        _alone_is_enough(action, slug, converge=converge, **given)
        path = path_of(deployment, "instance_groups", group, number, "actions", action)
        query = {"skip_drain": options.get("skip_drain"), "hard": _true(state == "detached")}
        query["ignore_unresponsive_agent"] = options.get("fix")
        session.run_task("POST", path, what="Non-converging action failed", query=query)
        return
    path = path_of(deployment, "jobs", group, *([number] if number != "*" else []))
    session.run_task("PUT", path, what="Changing state", query={"state": state, **options}, headers=headers, body=b"")


def _true(value: bool) -> str | None:
    return "true" if value else None


def start(
    context: typer.Context,
    slug: Slug = "",
    canaries: Canaries = "",
    max_in_flight: MaxInFlight = "",
    converge: Converge = False,
    no_converge: NoConverge = False,
) -> None:
    session = sessions.of(context)
    _change(
        session,
        slug,
        "start",
        "started",
        alone=no_converge,
        converge=converge,
        canaries=canaries,
        max_in_flight=max_in_flight,
    )


def stop(
    context: typer.Context,
    slug: Slug = "",
    soft: Annotated[bool, typer.Option("--soft", help="Stop process only (default)")] = False,
    hard: Annotated[bool, typer.Option("--hard", help="Delete VM (but keep persistent disk)")] = False,
    skip_drain: SkipDrain = False,
    canaries: Canaries = "",
    max_in_flight: MaxInFlight = "",
    converge: Converge = False,
    no_converge: NoConverge = False,
) -> None:
    session = sessions.of(context)
    if soft and hard:
        raise SessionError("Expected either --soft or --hard, not both")
    options = {"skip_drain": _true(skip_drain), "canaries": canaries, "max_in_flight": max_in_flight}
    _change(session, slug, "stop", "detached" if hard else "stopped", alone=no_converge, converge=converge, **options)


def restart(
    context: typer.Context,
    slug: Slug = "",
    skip_drain: SkipDrain = False,
    canaries: Canaries = "",
    max_in_flight: MaxInFlight = "",
    converge: Converge = False,
    no_converge: NoConverge = False,
) -> None:
    session = sessions.of(context)
    options = {"skip_drain": _true(skip_drain), "canaries": canaries, "max_in_flight": max_in_flight}
    _change(session, slug, "restart", "restart", alone=no_converge, converge=converge, **options)


def recreate(
    context: typer.Context,
    slug: Slug = "",
    skip_drain: SkipDrain = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Recreate an instance with an unresponsive agent instead of erroring")
    ] = False,
    vms_created_before: Annotated[
        str, typer.Option("--vms-created-before", help="Only recreate VMs created before the given RFC 3339 timestamp")
    ] = "",
    canaries: Canaries = "",
    max_in_flight: MaxInFlight = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Renders job templates without altering deployment")
    ] = False,
    converge: Converge = False,
    no_converge: NoConverge = False,
) -> None:
    created_before = rfc3339(vms_created_before, "--vms-created-before")
    session = sessions.of(context)
    options = {
        "skip_drain": _true(skip_drain),
        "fix": _true(fix),
        "recreate_vms_created_before": created_before,
        "canaries": canaries,
        "max_in_flight": max_in_flight,
        "dry_run": _true(dry_run),
    }
    _change(session, slug, "recreate", "recreate", alone=no_converge, converge=converge, **options)


def _set_ignored(context: typer.Context, slug: str, *, ignored: bool) -> None:
    group, number = instance(slug)
    session = sessions.of(context)
    deployment = session.deployment()
    path = path_of(deployment, "instance_groups", group, number, "ignore")
    body, headers = json.dumps({"ignore": ignored}).encode(), {"Content-Type": "application/json"}
    with doing(f"Changing ignore state for '{slug}' in deployment '{deployment}'"):
        session.director().call("PUT", path, body=body, headers=headers)


def ignore(context: typer.Context, slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")]) -> None:
    _set_ignored(context, slug, ignored=True)


def unignore(
    context: typer.Context, slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP/INSTANCE-ID")]
) -> None:
    _set_ignored(context, slug, ignored=False)


def delete_vm(context: typer.Context, cid: Annotated[str, typer.Argument(metavar="CID")]) -> None:
    session = sessions.of(context)
    session.deployment()
    session.ui.confirm()
    session.run_task("DELETE", f"/vms/{cid}", what=f"Deleting VM '{cid}'")


def update_resurrection(context: typer.Context, switch: Annotated[str, typer.Argument(metavar="on|off")]) -> None:
    on, off = {"true", "yes", "on", "enable"}, {"false", "no", "off", "disable"}
    if switch not in on | off:
        raise UsageError(f"Expected boolean variable '{switch}' to be either 'true' or 'false'")
    director = sessions.of(context).director()
    body = json.dumps({"resurrection_paused": switch in off}).encode()
    with doing("Changing VM resurrection state for all"):
        director.call("PUT", "/resurrection", body=body, headers={"Content-Type": "application/json"})
