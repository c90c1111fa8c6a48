"""Compare what should be with what the cloud has, and repair (bosh-cli: cmd/cloud_check.go)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError


def cloud_check(
    context: typer.Context,
    auto: Annotated[bool, typer.Option("--auto", "-a", help="Resolve problems automatically")] = False,
    resolution: Annotated[list[str] | None, typer.Option("--resolution", help="Apply resolution of given type")] = None,
    report: Annotated[
        bool, typer.Option("--report", "-r", help="Only generate report; don't attempt to resolve problems")
    ] = False,
) -> None:
    session = sessions.of(context)
    deployment = session.deployment()
    session.run_task("POST", path_of(deployment, "scans"), what=f"Performing a scan on deployment '{deployment}'")
    problems = session.director().get(path_of(deployment, "problems"))
    rows = tuple((int(problem["id"]), problem["type"], problem["description"]) for problem in problems)
    session.ui.table(Table("problems", ("#", "Type", "Description"), rows))
    if not problems:
        return
    if report:
        raise SessionError(f"{len(problems)} problem(s) found")
    answers = {str(problem["id"]): _choose(session, problem, auto=auto, named=resolution or []) for problem in problems}
    session.ui.confirm()
    body, headers = json.dumps({"resolutions": answers}).encode(), {"Content-Type": "application/json"}
    session.run_task("PUT", path_of(deployment, "problems"), what="Resolving problems", body=body, headers=headers)


def _choose(session: Session, problem: dict[str, Any], *, auto: bool, named: list[str]) -> str | None:
    """The resolution's name: the director's choice (``auto``), the first one named that fits, or the person's."""
    if auto:
        return None
    offered = [choice["name"] for choice in problem["resolutions"]]
    if named:
        return next((name for name in named if name in offered), "ignore")
    for number, choice in enumerate(problem["resolutions"], start=1):
        session.ui.line(f"{number}: {choice['plan']}")
    answer = session.ui.ask(f"{problem['description']} (1)", "1")
    if not answer.isdigit() or not 1 <= int(answer) <= len(offered):
        raise SessionError(f"Expected a number from 1 to {len(offered)}, got '{answer}'")
    return str(offered[int(answer) - 1])
