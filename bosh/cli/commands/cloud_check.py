"""Compare what should be with what the cloud has, and repair (bosh-cli: cmd/cloud_check.go, create_recovery_plan.go, recover.go)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands.deployments import path_of
from bosh.cli.output.table import Table
from bosh.cli.output.ui import Refused
from bosh.cli.session import Session, SessionError, doing

Problem = dict[str, Any]
"""``{id, type, description, instance_group, resolutions: [{name, plan}]}``."""

_SKIP = "ignore"


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What to do about an instance group's problems."""

    name: str
    resolutions: Mapping[str, str]
    """Problem type → resolution name."""
    max_in_flight: str = ""
    """Overrides the manifest's for the repair; empty for not."""

    def resolution(self, problem: Problem) -> str:
        return self.resolutions.get(problem["type"], "")

    def said(self, problem: Problem) -> str:
        """The resolution in words."""
        plans = {choice["name"]: choice["plan"] for choice in problem["resolutions"]}
        return str(plans.get(self.resolution(problem), "No resolution planned"))

    def body(self) -> dict[str, Any]:
        override = {"max_in_flight_override": self.max_in_flight} if self.max_in_flight else {}
        return {"name": self.name, **override, "planned_resolutions": dict(self.resolutions)}


def plan_text(plans: Iterable[GroupPlan]) -> str:
    """A recovery plan's file."""
    from bosh.manifest.emit import dump

    return dump({"instance_groups_plan": [plan.body() for plan in plans]})


def read_plan(text: str, source: str) -> dict[str, GroupPlan]:
    """A recovery plan by instance group. Raises SessionError: it is none."""
    from bosh.manifest import documents

    body: Any = documents.load(text, source, allow_duplicates=True).value or {}
    try:
        return {
            str(item["name"]): GroupPlan(
                str(item["name"]),
                {str(kind): str(name) for kind, name in (item.get("planned_resolutions") or {}).items()},
                str(item.get("max_in_flight_override") or ""),
            )
            for item in body.get("instance_groups_plan") or []
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise SessionError(f"cannot read the recovery plan '{source}': {error!r}") from error


def answers_of(problems: Iterable[Problem], plans: Mapping[str, GroupPlan]) -> dict[str, str]:
    """Problem id → resolution, of the problems that the plan speaks of."""
    found = {
        str(one["id"]): plans[one["instance_group"]].resolution(one)
        for one in problems
        if one["instance_group"] in plans
    }
    return {number: name for number, name in found.items() if name}


# --- the director's side


def _scan(session: Session, deployment: str) -> list[Problem]:
    session.run_task("POST", path_of(deployment, "scans"), what=f"Performing a scan on deployment '{deployment}'")
    with doing(f"Listing problems for deployment '{deployment}'"):
        found: list[Problem] = session.director().get(path_of(deployment, "problems"))
    return found


def _resolve(
    session: Session, deployment: str, answers: Mapping[str, str | None], overrides: Mapping[str, str] | None = None
) -> None:
    body: dict[str, Any] = {"resolutions": answers} | ({"max_in_flight_overrides": overrides} if overrides else {})
    headers = {"Content-Type": "application/json"}
    what = f"Resolving problems for deployment '{deployment}'"
    session.run_task("PUT", path_of(deployment, "problems"), what=what, body=json.dumps(body).encode(), headers=headers)


def _table(problems: Sequence[Problem]) -> Table:
    rows = tuple((int(problem["id"]), problem["type"], problem["description"]) for problem in problems)
    return Table("problems", ("#", "Type", "Description"), rows, sort_by=(0,))


# --- commands


def cloud_check(
    context: typer.Context,
    auto: Annotated[bool, typer.Option("--auto", "-a", help="Resolve problems automatically")] = False,
    resolution: Annotated[
        list[str] | None,
        typer.Option(
            "--resolution", help="Apply resolution of given type (e.g.: 'recreate_vm'). Can be used multiple times."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", "-r", help="Only generate report; don't attempt to resolve problems")
    ] = False,
) -> None:
    session = sessions.of(context)
    deployment = session.deployment()
    problems = _scan(session, deployment)
    session.ui.table(_table(problems))
    if not problems:
        return
    if report:
        raise SessionError(f"{len(problems)} problem(s) found")
    answers = {str(problem["id"]): _choose(session, problem, auto=auto, named=resolution or []) for problem in problems}
    session.ui.confirm()
    _resolve(session, deployment, answers)


def _choose(session: Session, problem: Problem, *, auto: bool, named: list[str]) -> str | None:
    """The resolution's name: the director's choice (``auto``), the first one named that fits, or the person's."""
    if auto:
        return None
    offered = [str(choice["name"]) for choice in problem["resolutions"]]
    if named:
        return next((name for name in named if name in offered), _SKIP)
    plans = [str(choice["plan"]) for choice in problem["resolutions"]]
    return offered[session.ui.choose(problem["description"], plans)]


def _by_group(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Raises SessionError: the director does not say which groups the problems are of."""
    known = sorted(problems, key=lambda problem: str(problem.get("instance_group") or ""))
    if any(not problem.get("instance_group") for problem in known):
        raise SessionError("Director does not support this command.  Try 'bosh cloud-check' instead")
    return {name: list(found) for name, found in groupby(known, key=lambda problem: problem["instance_group"])}


Path_ = Annotated[Path, typer.Argument(metavar="PATH", help="Recovery plan file")]


def create_recovery_plan(context: typer.Context, path: Path_) -> None:
    session = sessions.of(context)
    deployment = session.deployment()
    groups = _by_group(_scan(session, deployment))
    if not groups:
        session.ui.line("No problems found\n")
        return
    limits = _limits(session, deployment)
    plans = [_plan_of(session, name, problems, limits.get(name, "")) for name, problems in groups.items()]
    path.expanduser().write_text(plan_text(plans))


def _limits(session: Session, deployment: str) -> dict[str, str]:
    """``max_in_flight`` of each group, as the manifest says."""
    from bosh.manifest import documents

    with doing("Fetching manifest"):
        text = session.director().get(path_of(deployment))["manifest"]
    body: Any = documents.load(text, "manifest", allow_duplicates=True).value or {}
    general = (body.get("update") or {}).get("max_in_flight")
    groups = body.get("instance_groups") or []
    return {one["name"]: str((one.get("update") or {}).get("max_in_flight") or general) for one in groups}


def _plan_of(session: Session, name: str, problems: Sequence[Problem], limit: str) -> GroupPlan:
    """Ask what to do about each type of problem in a group."""
    session.ui.line(f"Instance Group '{name}'\n")
    resolutions: dict[str, str] = {}
    for kind in sorted({str(problem["type"]) for problem in problems}):
        found = [problem for problem in problems if problem["type"] == kind]
        rows = tuple((int(problem["id"]), problem["description"]) for problem in found)
        title = f"Problem type: {kind}"
        session.ui.table(Table(f"{kind} problems", ("#", "Description"), rows, title=title, sort_by=(0,)))
        choices = found[0]["resolutions"]
        resolutions[kind] = choices[session.ui.choose(kind, [str(choice["plan"]) for choice in choices])]["name"]
    override = ""
    try:
        session.ui.confirm(f"Override current max_in_flight value of '{limit}'?")
    except Refused:
        return GroupPlan(name, resolutions)
    override = session.ui.ask(f"max_in_flight override for '{name}'", limit)
    return GroupPlan(name, resolutions, override)


def recover(context: typer.Context, path: Path_) -> None:
    plans = read_plan(templates.read_text(path), str(path))
    session = sessions.of(context)
    deployment = session.deployment()
    problems = _scan(session, deployment)
    groups = _by_group(problems)
    if not groups:
        session.ui.line("No problems found\n")
        return
    for name, found in groups.items():
        session.ui.table(_summary(name, found, plans.get(name, GroupPlan(name, {}))))
    session.ui.confirm()
    overrides = {name: plan.max_in_flight for name, plan in plans.items() if plan.max_in_flight}
    _resolve(session, deployment, answers_of(problems, plans), overrides)


def _summary(name: str, problems: Iterable[Problem], plan: GroupPlan) -> Table:
    override = f" (max_in_flight override: {plan.max_in_flight})" if plan.max_in_flight else ""
    rows = tuple((int(problem["id"]), plan.said(problem), problem["description"]) for problem in problems)
    title = f"Instance Group '{name}' plan summary{override}"
    return Table("", ("#", "Planned resolution", "Description"), rows, title=title, sort_by=(0,))
