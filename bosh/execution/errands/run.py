"""Run an errand: choose instances, give errand groups their VMs, run the script everywhere, take the VMs away (bosh: jobs/run_errand.rb).

    choose ─ lay out ─ render ─ decide ─ (changed?) ─ compile, create, update ─ run ─ delete

Nothing but the errand's own instances is planned for or touched: the manifest, configs and variables are those of the last success.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bosh.director.tasks.contract import TaskContext
from bosh.execution.archives import keep_archives
from bosh.execution.concurrency import for_each
from bosh.execution.errands.choose import Targets, choose_groups, choose_instances, refuse_stopped
from bosh.execution.errands.filters import Filter, filters_from, match, refuse_unmatched
from bosh.execution.errands.on_instance import run_on
from bosh.execution.errands.results import Result, summary
from bosh.execution.errands.temporary import remove_left_over, temporary_vms
from bosh.execution.last_success import LastSuccess, read_last_success
from bosh.execution.planning import drop_unused, place, refuse_unsound, renderer_for, respec_of, with_digests
from bosh.execution.recorded import vm_of
from bosh.execution.rendering import Rendered, drop_archives
from bosh.execution.reserve import Reserved, give_back
from bosh.execution.run import bring_up
from bosh.execution.steps.update_instance import VmMissing
from bosh.execution.world import World, world_of
from bosh.manifest.model import Json
from bosh.plan.decide import decide
from bosh.plan.describe import describe
from bosh.plan.model import Layout, Plan
from bosh.render.renderer import Renderer
from bosh.state import records

UNCHANGED = "skipped - no changes detected"


@dataclass(frozen=True, slots=True)
class ErrandRequest:
    """What the operator asked for."""

    errand: str
    keep_alive: bool = False
    when_changed: bool = False
    filters: tuple[Filter, ...] = ()


def errand_request(arguments: Mapping[str, Any]) -> ErrandRequest:
    """Read a task's arguments (bosh/director/api/README.md)."""
    return ErrandRequest(
        errand=str(arguments["errand"]),
        keep_alive=bool(arguments.get("keep_alive")),
        when_changed=bool(arguments.get("when_changed")),
        filters=filters_from(arguments.get("instances") or ()),
    )


@dataclass(frozen=True)
class _Errand:
    """Everything decided about one errand; ``plan`` is None where all its instances have their VMs anyway."""

    world: World
    request: ErrandRequest
    targets: Targets
    by_job: bool
    specs: Mapping[str, Mapping[str, Json]]
    """Instance id → the spec it runs with."""
    plan: Plan | None = None
    layout: Layout | None = None

    @property
    def hash(self) -> str:
        """Of everything that a run's outcome depends on (bosh: errand/parallel_step.rb state_hash)."""
        states = sorted(_state_hash(one.uuid, self.specs[one.uuid]) for one in self.targets.all)
        return _sha1("".join(states))


def _state_hash(instance_uuid: str, spec: Mapping[str, Json]) -> str:
    versions = {name: package.get("version") for name, package in (spec.get("packages") or {}).items()}
    return _sha1(f"{instance_uuid}{spec.get('configuration_hash') or ''}{json.dumps(versions, sort_keys=True)}")


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run_errand(context: TaskContext, request: ErrandRequest, renderer: Renderer) -> str:
    """Run it; ``N succeeded, N errored, N canceled``. The deployment's lock is held.

    Raises:
        DeploymentNotFound, BadManifest, JobNotFound, RunErrandError, NothingMatches, InstanceNotFound: nothing to run, or not there.
        ManifestFaults, RenderingFailed, PackageMissingSourceCode: the errand's instance cannot be prepared.
        CloudError, RpcTimeout, RpcRemoteException, AgentJobNotRunning: a step failed; the errand's VMs are gone all the same.
    """
    await remove_left_over(world_of(context))
    errand = await _prepared(context, request, renderer)
    runs, name = context.store.errand_runs, context.task.deployment
    before = runs.get(deployment=name, errand=request.errand)
    if request.when_changed and before is not None and before.hash == errand.hash:
        return UNCHANGED
    _remember(errand, "")
    groups = _instances_with_temporary_vms(errand)
    async with temporary_vms(errand.world, groups, keep=request.keep_alive):
        if errand.plan is not None and errand.layout is not None:
            await bring_up(errand.plan, errand.layout, errand.world)
        results = await _run_all(errand)
    if all(one.successful for one in results):
        _remember(errand, errand.hash)
    return summary(results)


def _remember(errand: _Errand, state_hash: str) -> None:
    runs, deployment, name = errand.world.store.errand_runs, errand.world.deployment, errand.request.errand
    if not runs.update_where({"deployment": deployment, "errand": name}, hash=state_hash):
        runs.insert(records.ErrandRun(deployment, name, state_hash))


def _instances_with_temporary_vms(errand: _Errand) -> list[str]:
    return [one.id for one in errand.layout.instances] if errand.layout else []


async def _run_all(errand: _Errand) -> list[Result]:
    world, results = errand.world, []

    async def run(row: records.Instance) -> None:
        world.control.checkpoint()
        vm = vm_of(world.store, row.uuid)
        if vm is None:
            raise VmMissing(f"cannot run '{errand.request.errand}' on '{row.group}/{row.uuid}': it has no VM")
        results.append(await run_on(world, row, vm, errand.request.errand, by_job=errand.by_job))

    await for_each(errand.targets.all, run, at_once=world.config.max_threads)
    return results


# --- what is decided before anything is done ------------------------------------------------------------------------------------------


async def _prepared(context: TaskContext, request: ErrandRequest, renderer: Renderer) -> _Errand:
    name = context.task.deployment
    known = context.store.instances.list(deployment=name)
    chosen, unmatched = match(request.filters, known)
    if not context.config.allow_errands_on_stopped_instances:
        refuse_stopped(chosen)
    async with context.log.stage("Preparing deployment", total=1).step("Preparing deployment"):
        last = read_last_success(context, name)
        choice = choose_groups(last.desired, request.errand, request.filters, context.log)
        targets = choose_instances(choice, chosen, known, deployment=name, log=context.log)
        targets = _with_vms(last.world, targets)
        refuse_unmatched(unmatched)
        errand = _Errand(last.world, request, targets, choice.by_job, {one.uuid: one.spec for one in targets.service})
        return await _planned(errand, last, renderer, task_id=context.task.id)


def _with_vms(world: World, targets: Targets) -> Targets:
    """Service instances that have a VM; the others are told of."""
    kept = []
    for one in targets.service:
        if vm_of(world.store, one.uuid) is None:
            label = f"{one.group}/{one.uuid} ({one.index})"
            world.log.notice("warning", f"Skipping instance: {label} no matching VM reference was found")
        else:
            kept.append(one)
    return replace(targets, service=tuple(kept))


async def _planned(errand: _Errand, last: LastSuccess, renderer: Renderer, *, task_id: int) -> _Errand:
    """With a plan that gives errand groups their VMs, and the specs these will have."""
    groups = frozenset(one.group for one in errand.targets.errand)
    if not groups:
        return errand
    world = replace(errand.world, temporary=frozenset() if errand.request.keep_alive else groups)
    request = replace(last.request, errands=groups, job_states=_started(world, groups))
    current, layout, options, reserved = await place(world, request, task_id)
    current = replace(current, instances=tuple(one for one in current.instances if one.group in groups))
    desired = replace(last.desired, groups=tuple(one for one in last.desired.groups if one.name in groups))
    rendering, rendered = renderer_for(world, layout, renderer), Rendered()
    try:
        rendered = await rendering.render_all(layout.instances, {one.id: one.spec for one in current.instances})
        await keep_archives(world, rendered)
        plan = decide(desired, current, layout, rendered.hashes, options=options)
        refuse_unsound(plan, layout, current, options)
    except BaseException:
        await _undo(world, reserved, rendered)
        raise
    world.debug(describe(plan, layout))
    plan = with_digests(plan, rendered.digests)
    specs = {**errand.specs, **{step.instance.id: step.spec for step in plan.errands}}
    plan = replace(plan, errands=())
    await drop_unused(plan, rendered, world)
    return replace(
        errand, world=replace(world, respec=respec_of(world, rendering)), specs=specs, plan=plan, layout=layout
    )


async def _undo(world: World, reserved: Reserved, rendered: Rendered) -> None:
    give_back(world, reserved)
    await drop_archives(rendered, world.blobs)


def _started(world: World, groups: frozenset[str]) -> dict[str, dict[str, str]]:
    """An errand's instance runs, whatever it was told before."""
    rows: Sequence[records.Instance] = world.store.instances.list(deployment=world.deployment, group=sorted(groups))
    return {group: {one.uuid: "started" for one in rows if one.group == group and not one.ignored} for group in groups}
