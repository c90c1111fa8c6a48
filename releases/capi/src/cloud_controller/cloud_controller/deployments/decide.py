"""What a deployment does next, decided from what is. No clock, no database (cloud_controller_ng: deployment_updater/actions/*)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Instances of the deploying process by what they do."""

    starting: int = 0
    routable: int = 0
    unhealthy: int = 0


@dataclass(frozen=True)
class Web:
    """A web process: guid and wanted instances; older ones come first in lists."""

    guid: str
    instances: int


@dataclass(frozen=True)
class Situation:
    """A deployment under way. ``target`` instances are to run in the end of this phase, ``interim`` of them new ones."""

    deploying: Web
    others: tuple[Web, ...]
    counts: Counts
    max_in_flight: int
    target: int
    interim: int


@dataclass(frozen=True)
class Step:
    """New numbers of instances by process guid, in order; whether instances came up; whether the phase is over."""

    scale: tuple[tuple[str, int], ...] = ()
    healthy: bool = False
    finished: bool = False


def next_step(now: Situation) -> Step:
    """Take old instances away as new ones become routable, add new ones while few are starting and none is ill."""
    if not (_may_grow(now) or _may_shrink(now)):
        return Step()
    shrinking = tuple(_shrink(now))
    counts, new = now.counts, now.deploying.instances
    if new >= now.interim and counts.routable >= now.interim:
        return Step(shrinking, finished=True)
    if not _may_grow(now):
        return Step(shrinking)
    wanted = min(counts.routable + now.max_in_flight, now.interim)
    growing = ((now.deploying.guid, wanted),) if wanted != new else ()
    return Step((*shrinking, *growing), healthy=True)


def _may_grow(now: Situation) -> bool:
    # Fewer routable ones than asked for minus those in flight: the cells have not caught up with the last step.
    counts = now.counts
    caught_up = counts.routable >= now.deploying.instances - now.max_in_flight
    return counts.starting < now.max_in_flight and counts.unhealthy == 0 and caught_up


def _surplus(now: Situation) -> int:
    return sum(web.instances for web in now.others) - max(now.target - now.counts.routable, 0)


def _may_shrink(now: Situation) -> bool:
    return _surplus(now) > 0


def _shrink(now: Situation) -> list[tuple[str, int]]:
    surplus, steps = _surplus(now), []
    for web in now.others:
        if surplus <= 0:
            break
        taken = min(surplus, web.instances)
        if taken:
            steps.append((web.guid, web.instances - taken))
        surplus -= taken
    return steps


@dataclass(frozen=True)
class CanaryStep:
    """How many instances are new and how many stay, until somebody says to continue."""

    canary: int
    original: int


def canary_plan(steps: Sequence[int], original: int, web_instances: int | None) -> list[CanaryStep]:
    """The steps of a canary deployment; ``steps`` are weights in percent, none mean one step with one instance."""
    if not steps:
        return [CanaryStep(1, original)]
    instances = min(web_instances, original) if web_instances else original
    return [_canary_step(instances, weight) for weight in steps]


def _canary_step(instances: int, weight: int) -> CanaryStep:
    # Half an instance is a whole one, as in the original; Python would round it to the even number.
    canary = max(1, int(instances * weight / 100 + 0.5))
    return CanaryStep(canary, 0 if weight == 100 else instances - canary + 1)


def first_instances(strategy: str, plan: Sequence[CanaryStep], wanted: int, max_in_flight: int) -> int:
    """How many instances a new process begins with."""
    target = plan[0].canary if strategy == "canary" else wanted
    return min(max_in_flight, target)
