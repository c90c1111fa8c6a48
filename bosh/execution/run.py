"""Walk a plan: tidy, compile, delete, create, update. The only reader of ``Plan`` that acts on it.

Everything it does may be done again: a run that was interrupted is followed by a new plan of what exists then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bosh.director.tasks.contract import Stage
from bosh.execution.concurrency import for_each
from bosh.execution.dns_records import publish_dns
from bosh.execution.steps.compile_packages import compile_packages, find_compiled
from bosh.execution.steps.delete_instance import delete_instance
from bosh.execution.steps.make_vm import make_vm
from bosh.execution.steps.stop_jobs import run_script
from bosh.execution.steps.tidy import tidy
from bosh.execution.steps.update_instance import update_instance
from bosh.execution.world import World
from bosh.manifest.model import Json, Package
from bosh.plan.apply_spec import fill_packages, unfilled
from bosh.plan.compilation import dependency_key
from bosh.plan.model import (
    Batch,
    CreateVm,
    DeleteInstance,
    ErrandSpec,
    GroupUpdate,
    LaidInstance,
    Layout,
    Plan,
    UpdateInstance,
)
from bosh.state import records
from bosh.wire.errors import BadManifest, BoshError, PackageMissingSourceCode


async def run(plan: Plan, layout: Layout, world: World) -> None:
    """Carry out the plan.

    Raises:
        BoshError: the first step that failed; nothing new was begun after it, what was under way has ended.
        TaskCancelled: the operator cancelled.
    """
    if world.desired is None:
        raise ValueError("a plan is carried out for what is desired")
    walk = _Walk(plan, layout, world)
    await tidy(world)
    await walk.compile()
    await walk.delete_unneeded()
    await walk.create_missing_vms()
    if not plan.empty:
        await publish_dns(world, providers=layout.providers)
    try:
        await walk.update_groups()
    except BoshError:
        # Some VMs may be new all the same, and others must find them.
        await publish_dns(world, providers=layout.providers)
        raise
    walk.remember_errands()
    walk.refresh_specs()
    if not plan.empty:
        await publish_dns(world, providers=layout.providers)
        await walk.post_deploy()


async def bring_up(plan: Plan, layout: Layout, world: World) -> None:
    """Carry out the part of a plan that gives errands their VMs; nothing is deleted and no ``post-deploy`` runs.

    Raises:
        BoshError: the first step that failed; nothing new was begun after it, what was under way has ended.
    """
    walk = _Walk(plan, layout, world)
    await walk.compile()
    await walk.create_missing_vms()
    await publish_dns(world)
    await walk.update_groups()
    walk.refresh_specs()


class _Walk:
    """One plan on its way."""

    def __init__(self, plan: Plan, layout: Layout, world: World) -> None:
        assert world.desired is not None
        self._plan = plan
        self._layout = layout
        self._world = world
        self._packages = {release.name: release.packages for release in world.desired.releases}
        self._compiled: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}

    # --- before the groups ------------------------------------------------------------------------------------------------------------

    async def compile(self) -> None:
        """Compile what must be compiled, and learn the blobs of all packages."""
        steps, desired = self._plan.compilations, self._world.desired
        async with self._world.log.stage("Preparing package compilation").step("Finding packages to compile"):
            pass  # the plan has them; the line is one that people and tools look for
        if not steps:
            return
        compilation = desired.compilation if desired else None
        if compilation is None:
            raise BadManifest(
                "cannot compile packages: no cloud config has a 'compilation' section",
                resolution="Add one, or upload releases compiled for the stemcell.",
            )
        await compile_packages(self._world, steps, compilation, self._siblings)

    def _siblings(self, package: Package) -> Mapping[str, Package]:
        return self._packages[package.release]

    async def delete_unneeded(self) -> None:
        await self._delete(self._plan.deletions, at_once=self._world.config.max_threads)

    async def _delete(self, steps: Sequence[DeleteInstance], *, at_once: int, group: str = "") -> None:
        if not steps:
            return
        stage = self._world.log.stage("Deleting unneeded instances", total=len(steps), tags=[group] if group else [])

        async def act(step: DeleteInstance) -> None:
            self._world.control.checkpoint()
            one = step.instance
            async with stage.step(f"{one.group}/{one.id} ({one.index})"):
                await delete_instance(self._world, one)

        await for_each(steps, act, at_once=at_once)

    async def create_missing_vms(self) -> None:
        steps = self._plan.missing_vms
        if not steps:
            return
        stage = self._world.log.stage("Creating missing vms", total=len(steps))
        specs = {step.instance.id: step.spec for step in _updates(self._plan)}

        async def act(step: CreateVm) -> None:
            self._world.control.checkpoint()
            async with stage.step(step.instance.label):
                # Dirty until its update is done: a VM without jobs must never look finished.
                self._world.store.instances.update_where({"uuid": step.instance.id}, dirty=True)
                spec = specs.get(step.instance.id) or _bare_spec(self._plan.deployment, step.instance)
                await make_vm(self._world, step.instance, spec)

        await for_each(steps, act, at_once=self._world.config.max_threads)

    # --- the groups -------------------------------------------------------------------------------------------------------------------

    async def update_groups(self) -> None:
        for together in neighbours(self._plan.groups):
            if len(together) == 1:
                await self._update_group(together[0])
            else:
                await for_each(together, self._update_group, at_once=len(together))

    async def _update_group(self, group: GroupUpdate) -> None:
        await self._delete(group.deletions, at_once=group.deletions_in_flight, group=group.group)
        total = sum(len(batch.steps) for batch in group.batches)
        if not total:
            return
        stage = self._world.log.stage("Updating instance", total=total, tags=[group.group])
        for batch in group.batches:
            await self._update_batch(batch, stage)
        if any(step.method in ("recreate", "detach") for batch in group.batches for step in batch.steps):
            await publish_dns(self._world, providers=self._layout.providers)

    async def _update_batch(self, batch: Batch, stage: Stage) -> None:
        async def act(step: UpdateInstance) -> None:
            self._world.control.checkpoint()
            canary = " (canary)" if step.canary else ""
            async with stage.step(f"{step.instance.label}{canary}") as log:
                self._world.debug(f"{step.instance.name}: {step.method} because of {step.reason}")
                await update_instance(self._world, step, self._filled(step.instance, step.spec), told=log.status)

        await for_each(batch.steps, act, at_once=batch.in_flight)

    def _filled(self, instance: LaidInstance, spec: Mapping[str, Json]) -> Mapping[str, Json]:
        """The spec with the blobs of packages that were compiled in this run.

        Raises:
            PackageMissingSourceCode: 60001, a package has no compiled form all the same.
        """
        if not unfilled(spec):
            return spec
        stemcell = (instance.stemcell.os, instance.stemcell.version)
        known = self._compiled.setdefault(stemcell, {})
        for package in instance.packages:
            if package.fingerprint not in known:
                siblings = self._packages[package.release]
                found = find_compiled(self._world, package, dependency_key(package.name, siblings), instance.stemcell)
                if found is not None:
                    known[package.fingerprint] = (found.blobstore_id, found.sha1)
        filled = fill_packages(spec, known)
        if missing := unfilled(filled):
            raise PackageMissingSourceCode(
                f"Packages {', '.join(missing)} of {instance.name} are not compiled for {'/'.join(stemcell)}",
                resolution="Deploy again; they are compiled then.",
            )
        return filled

    # --- after the groups -------------------------------------------------------------------------------------------------------------

    def remember_errands(self) -> None:
        """An errand's spec is kept for the day it runs."""
        for step in self._plan.errands:
            self._remember_errand(step)

    def refresh_specs(self) -> None:
        """Instances that are left as they are, whose remembered spec says something old."""
        for step in self._plan.refreshed:
            self._world.store.instances.update_where({"uuid": step.instance_id}, spec=dict(step.spec))

    def _remember_errand(self, step: ErrandSpec) -> None:
        spec = self._filled(step.instance, step.spec)
        self._world.store.instances.update_where(
            {"uuid": step.instance.id}, spec=dict(spec), variable_set=self._world.variable_set, lifecycle="errand"
        )

    async def post_deploy(self) -> None:
        """Run ``post-deploy`` on all instances with a VM, ignored ones left out (bosh: post_deployment_script_runner.rb)."""
        world = self._world
        resting = {row.uuid for row in world.store.instances.list(deployment=world.deployment) if not _takes_part(row)}
        agents = [
            vm.agent_id
            for vm in world.store.vms.list(deployment=world.deployment, active=True)
            if vm.cid and vm.instance_uuid and vm.instance_uuid not in resting
        ]
        await for_each(
            agents, lambda agent_id: run_script(world, agent_id, "post-deploy"), at_once=world.config.max_threads
        )


def _takes_part(row: records.Instance) -> bool:
    return not row.ignored and row.state == "started"


def _updates(plan: Plan) -> Iterator[UpdateInstance]:
    for group in plan.groups:
        for batch in group.batches:
            yield from batch.steps


def neighbours(groups: Sequence[GroupUpdate]) -> list[list[GroupUpdate]]:
    """Groups in order, those that run together in one list."""
    result: list[list[GroupUpdate]] = []
    joining = False
    for group in groups:
        if joining:
            result[-1].append(group)
        else:
            result.append([group])
        joining = group.parallel_with_next
    return result


def _bare_spec(deployment: str, instance: LaidInstance) -> dict[str, Json]:
    return {
        "deployment": deployment,
        "job": {"name": instance.group},
        "index": instance.index,
        "id": instance.id,
        "networks": dict(instance.network_settings),
    }
