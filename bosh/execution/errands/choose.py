"""Where an errand runs: which instance groups have it, and which of their instances were meant (bosh: errand/errand_provider.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bosh.director.tasks.contract import TaskLog
from bosh.execution.errands.filters import Filter
from bosh.manifest.model import Desired, InstanceGroup
from bosh.state import records
from bosh.wire.errors import InstanceNotFound, JobNotFound, RunErrandError


@dataclass(frozen=True, slots=True)
class Choice:
    """The groups, and how the errand was named."""

    groups: tuple[InstanceGroup, ...]
    by_job: bool
    """The name is that of a job, which the agent is told; otherwise it is a group's, whose first job runs."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The instances that run it."""

    service: tuple[records.Instance, ...] = ()
    errand: tuple[records.Instance, ...] = ()
    """Of groups whose instances get VMs for it."""

    @property
    def all(self) -> tuple[records.Instance, ...]:
        return (*self.service, *self.errand)


def refuse_stopped(instances: Iterable[records.Instance]) -> None:
    """Nobody but the operator knows why an instance was stopped. Raises RunErrandError."""
    stopped = [f"'{one.group}/{one.uuid} ({one.index})'" for one in instances if one.state == "stopped"]
    if stopped:
        raise RunErrandError(
            f"Instance(s) {','.join(stopped)} is stopped, unable to run errand. Maybe start vm?",
            resolution="Start it, or name others with --instance.",
        )


def choose_groups(desired: Desired, errand: str, filters: Sequence[Filter], log: TaskLog) -> Choice:
    """All groups with a job of that name, else the errand group of that name.

    Raises:
        JobNotFound: nothing has that name.
        RunErrandError: the group is no errand, or instances were named besides a group.
    """
    named = next((group for group in desired.groups if group.name == errand), None)
    with_job = tuple(group for group in desired.groups if any(job.name == errand for job in group.jobs))
    if with_job:
        if named is not None:
            log.notice(
                "warning",
                f"Ambiguous request: the requested errand name '{errand}' matches both a job name and an errand instance group name. "
                f"Executing errand on all relevant instances with job '{errand}'.",
            )
        return Choice(with_job, by_job=True)
    if named is None:
        raise JobNotFound(f"Errand '{errand}' doesn't exist", resolution="'bosh errands' lists those there are.")
    if named.lifecycle != "errand":
        raise RunErrandError(
            f"Instance group '{named.name}' is not an errand. To mark an instance group as an errand set its lifecycle to 'errand' "
            "in the deployment manifest."
        )
    if filters:
        raise RunErrandError("Filtering by instances is not supported when running errand by instance group name")
    return Choice((named,), by_job=False)


def choose_instances(
    choice: Choice,
    chosen: Sequence[records.Instance],
    known: Sequence[records.Instance],
    *,
    deployment: str,
    log: TaskLog,
) -> Targets:
    """Of a service group all instances meant; of an errand group the first, if it is meant.

    Args:
        chosen: what the filters left of ``known``, the instances there are.

    Raises:
        InstanceNotFound: the errand group asked for by its name has no instances.
    """
    service: list[records.Instance] = []
    errand: list[records.Instance] = []
    for group in choice.groups:
        meant = [one for one in chosen if one.group == group.name]
        if len(meant) > 1:
            log.notice(
                "warning",
                "Executing errand on multiple instances in parallel. Use the `--instance` flag to run the errand on a single instance.",
            )
        if group.lifecycle == "errand":
            errand += _first(group, meant, known, by_job=choice.by_job, deployment=deployment)
        else:
            service += meant
    return Targets(tuple(service), tuple(errand))


def _first(
    group: InstanceGroup,
    meant: Sequence[records.Instance],
    known: Sequence[records.Instance],
    *,
    by_job: bool,
    deployment: str,
) -> list[records.Instance]:
    members = sorted((one for one in known if one.group == group.name), key=lambda one: one.index)
    if not members or not group.instances:
        if by_job:
            return []
        raise InstanceNotFound(f"Instance '{deployment}/{group.name}/0' doesn't exist")
    return [one for one in members[:1] if one in meant]
