"""Apply resolutions: groups one after another unless they say otherwise, within each at most ``max_in_flight`` at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bosh.director.tasks.contract import Stage, TaskContext
from bosh.execution.concurrency import for_each
from bosh.execution.planning import config_rows
from bosh.execution.recorded import cpi_of_az, find_instance, update_of, vm_of
from bosh.execution.repair.kinds import Resolution, chosen
from bosh.execution.repair.mend import CpiOf, ProblemHandlerError, mend
from bosh.execution.steps.tidy import tidy
from bosh.execution.world import world_of
from bosh.manifest.model import Amount
from bosh.state import records
from bosh.wire.errors import BoshError, TaskCancelled, joined


class ResolutionsFailed(BoshError):
    """Some problems could not be mended; the others were."""


def cpi_finder(context: TaskContext) -> CpiOf:
    """The CPI of each instance: its VM's, or that of its AZ."""
    deployment = context.store.deployments.get(name=context.task.deployment)
    assert deployment is not None, "a problem of a deployment that is not there"
    configs = [config.content for config in config_rows(context, "cloud", None, deployment)]

    def cpi_of(row: records.Instance) -> str:
        vm = vm_of(context.store, row.uuid)
        return vm.cpi if vm else cpi_of_az(configs, row.az)

    return cpi_of


async def apply_resolutions(
    context: TaskContext, wanted: Mapping[str, str | None], overrides: Mapping[str, str] | None = None
) -> int:
    """Mend what is still open; how many were resolved.

    Args:
        wanted: problem id (text) → resolution name, None for the automatic one.
        overrides: instance group → ``max_in_flight``.

    Raises:
        ResolutionsFailed: after all were tried.
    """
    numbers = [int(number) for number in wanted]
    problems = context.store.problems.list(deployment=context.task.deployment, id=numbers) if numbers else []
    await tidy(world_of(context))
    stage = context.log.stage("Applying problem resolutions", total=max(1, len(problems)))
    cpi_of = cpi_finder(context)
    failures: list[str] = []
    resolved = 0
    for group, members in _by_group(problems).items():

        async def one(problem: records.Problem) -> None:
            nonlocal resolved
            failure = await _apply(context, stage, problem, wanted[str(problem.id)], cpi_of)
            if failure:
                failures.append(failure)
            else:
                resolved += 1

        at_once = _in_flight(context, members, (overrides or {}).get(group))
        await for_each(members, one, at_once=at_once)
    if failures:
        raise ResolutionsFailed("\n".join(failures))
    return resolved


def _by_group(problems: Sequence[records.Problem]) -> dict[str, list[records.Problem]]:
    found: dict[str, list[records.Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.instance_group].append(problem)
    return found


def _in_flight(context: TaskContext, problems: Sequence[records.Problem], override: str | None) -> int:
    if override:
        text = str(override)
        amount = Amount(int(text.rstrip("%")), percent=text.endswith("%"))
    else:
        row = find_instance(context.store, context.task.deployment, str(problems[0].data["instance"]))
        amount = update_of(row.spec.get("update") or {}).max_in_flight
    return min(len(problems), amount.of(len(problems), least=1))


async def _apply(context: TaskContext, stage: Stage, problem: records.Problem, name: str | None, cpi_of: CpiOf) -> str:
    """What went wrong, empty when nothing did."""
    context.control.checkpoint()
    resolution = _resolution(problem, name)
    if isinstance(resolution, str):
        return resolution
    if problem.state != "open":
        return ""
    summary = f"{problem.description} ({problem.type} {problem.resource_id}): {resolution.plan}"
    try:
        async with stage.step(summary) as step:
            await mend(context, problem, resolution.name, cpi_of=cpi_of, told=step.status)
    except TaskCancelled:
        raise
    except BoshError as error:
        kind = "" if isinstance(error, ProblemHandlerError) else f" ({type(error).__name__})"
        return f"Error resolving problem '{problem.id}'{kind}: {joined(error)}"
    context.store.problems.update(problem.id, state="resolved")
    return ""


def _resolution(problem: records.Problem, name: str | None) -> Resolution | str:
    try:
        return chosen(problem.type, name)
    except KeyError:
        offered = ", ".join(one["name"] for one in problem.resolutions)
        return f"Cannot find '{name}' resolution for '{problem.type}' problem {problem.id}; there are {offered}"
