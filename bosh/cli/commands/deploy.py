"""``bosh deploy``: say what is wanted, see what would change, follow it happen (bosh-cli: cmd/deploy.go)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands import manifest_releases
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.slugs import group_or_instance
from bosh.cli.commands.times import rfc3339
from bosh.cli.failures import flagged
from bosh.cli.output import diff
from bosh.cli.session import Session, SessionError, doing
from bosh.cli.templates import OpsFiles, VarFiles, Vars, VarsEnv, VarsFiles, VarsStore
from bosh.manifest import documents

_YAML = {"Content-Type": "text/yaml"}
_FORCED = ("fix-releases", "fix", "recreate", "recreate-persistent-disks", "skip-upload-releases")


def deploy(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="Path to a manifest file")],
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
    no_redact: Annotated[bool, typer.Option("--no-redact", help="Show non-redacted manifest diff")] = False,
    recreate: Annotated[bool, typer.Option("--recreate", help="Recreate all VMs in deployment")] = False,
    recreate_persistent_disks: Annotated[
        bool, typer.Option("--recreate-persistent-disks", help="Recreate all persistent disks in deployment")
    ] = False,
    recreate_vms_created_before: Annotated[
        str,
        typer.Option(
            "--recreate-vms-created-before", help="Only recreate VMs created before the given RFC 3339 timestamp"
        ),
    ] = "",
    fix: Annotated[
        bool, typer.Option("--fix", help="Recreate an instance with an unresponsive agent instead of erroring")
    ] = False,
    fix_releases: Annotated[
        bool,
        typer.Option(
            "--fix-releases", help="Reupload releases in manifest and replace corrupt or missing jobs/packages"
        ),
    ] = False,
    skip_drain: Annotated[
        list[str] | None,
        typer.Option(
            "--skip-drain",
            metavar="[INSTANCE-GROUP[/INSTANCE-ID]]",
            help="Skip running drain and pre-stop scripts; '*' for all",
        ),
    ] = None,
    skip_upload_releases: Annotated[
        bool, typer.Option("--skip-upload-releases", help="Skips the upload procedure for releases")
    ] = False,
    canaries: Annotated[str, typer.Option("--canaries", help="Override manifest values for canaries")] = "",
    max_in_flight: Annotated[
        str, typer.Option("--max-in-flight", help="Override manifest values for max_in_flight")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan without altering anything")] = False,
    force_latest_variables: Annotated[
        bool,
        typer.Option(
            "--force-latest-variables",
            help="Retrieve the latest variable values from the config server regardless of their update strategy",
        ),
    ] = False,
) -> None:
    template = templates.Template.read(path, var, var_file, vars_file, vars_env, vars_store, ops_file)
    created_before = rfc3339(recreate_vms_created_before, "--recreate-vms-created-before")
    for slug in skip_drain or []:
        with flagged("--skip-drain"):
            if slug != "*":
                group_or_instance(slug)
    session = sessions.of(context)
    name = session.deployment()
    forced = _forced_flags(session, name)
    with doing("Evaluating manifest"):
        text = template.evaluated()
    _check_name(text, path, name)
    with_fix = fix_releases or "fix-releases" in forced
    if not with_fix and (skip_upload_releases or "skip-upload-releases" in forced):
        session.ui.line("Release-Check skipped.")
    else:
        text = manifest_releases.upload(session, text, path, fix=with_fix)
    versions = _show_diff(session, name, text, redact=not no_redact)
    if not dry_run:
        session.ui.confirm()
    query: dict[str, Any] = {
        "recreate": recreate or bool(created_before) or "recreate" in forced,
        "recreate_persistent_disks": recreate_persistent_disks or "recreate-persistent-disks" in forced,
        "fix": fix or "fix" in forced,
        "dry_run": dry_run,
        "force_latest_variables": force_latest_variables,
    }
    query = {key: "true" for key, wanted in query.items() if wanted}
    query |= {"recreate_vms_created_before": created_before, "skip_drain": ",".join(skip_drain or [])}
    query |= {"canaries": canaries, "max_in_flight": max_in_flight, "context": json.dumps(versions) if versions else ""}
    task = session.run_task(
        "POST", "/deployments", what="Updating deployment", body=text.encode(), headers=_YAML, query=query
    )
    if dry_run:
        _show_plan(session, int(task["id"]))


def _check_name(text: str, path: str, name: str) -> None:
    with doing("Parsing manifest"):
        document = documents.load(text, path, allow_duplicates=True).value
    found = document.get("name") if isinstance(document, dict) else None
    if found != name:
        raise SessionError(f"Expected manifest to specify deployment name '{name}' but was '{found or ''}'")


def _forced_flags(session: Session, name: str) -> set[str]:
    """Flags that configs of type ``deploy`` switch on for this deployment."""
    flags: set[str] = set()
    for item in session.director().get("/configs", type="deploy", limit=1, latest="true"):
        body: Any = documents.load(item["content"], f'deploy config "{item["name"]}"').value or {}
        include, exclude = body.get("include"), body.get("exclude")
        if include is not None and exclude is not None:
            session.ui.line(
                f"Ignoring deployment flags from config of type 'deploy' (name: '{item['name']}'). "
                "Please use only 'include'- OR 'exclude'-property in the config."
            )
        elif (include is None or name in include) and name not in (exclude or []):
            session.ui.error(f"Using deployment flags from config of type 'deploy' (name: '{item['name']}')")
            flags |= {flag for flag in body.get("flags") or [] if flag in _FORCED}
    return flags


def _show_diff(session: Session, name: str, text: str, *, redact: bool) -> dict[str, Any]:
    """Print what changes; the config versions it was compared with. The endpoint answers 200 even when it failed."""
    query = {"redact": "true" if redact else "false"}
    with doing("Fetching diff result"):
        reply = session.director().call("POST", path_of(name, "diff"), body=text.encode(), headers=_YAML, query=query)
    answer = reply.json()
    if answer.get("error"):
        session.ui.line(f"Unable to diff manifest: {answer['error']}")
    diff.show(session.ui, answer.get("diff") or [])
    found: dict[str, Any] = answer.get("context") or {}
    return found


def _show_plan(session: Session, task_id: int) -> None:
    rows = session.director().result_rows(task_id)
    for row in rows:
        if isinstance(row, dict) and "plan" in row:
            session.ui.block(f"\n{row['plan']}\n")
