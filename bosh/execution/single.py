"""Start, stop, restart or recreate one instance from its record, nothing else converged (bosh: jobs/update_instance.rb)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bosh.director.tasks.contract import Stage
from bosh.execution.dns_records import publish_dns
from bosh.execution.events import recorded
from bosh.execution.recorded import vm_of
from bosh.execution.steps import apply_spec, disks
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.make_vm import make_vm, owner_of
from bosh.execution.steps.snapshot import take_snapshots
from bosh.execution.steps.start_jobs import start_jobs
from bosh.execution.steps.stop_jobs import stop_jobs
from bosh.execution.steps.tidy import tidy
from bosh.execution.world import World
from bosh.plan.model import LaidInstance
from bosh.state import records
from bosh.wire.errors import BoshError, RpcTimeout


@dataclass(frozen=True, slots=True)
class SingleRequest:
    """What is wanted of one instance."""

    action: str
    """``start``, ``stop``, ``restart`` or ``recreate``."""
    hard: bool = False
    """Delete the VM when stopping; a restart with it is a recreation."""
    skip_drain: bool = False
    ignore_unresponsive_agent: bool = False


@dataclass(frozen=True)
class _Single:
    world: World
    instance: LaidInstance
    row: records.Instance
    request: SingleRequest
    stage: Stage

    @property
    def hard(self) -> bool:
        return self.request.hard or self.request.action == "recreate"

    def remember(self, **values: object) -> None:
        self.world.store.instances.update_where({"uuid": self.row.uuid}, **values)


async def act_on_instance(world: World, row: records.Instance, instance: LaidInstance, request: SingleRequest) -> None:
    """Carry it out.

    Raises:
        BoshError: an unknown action. CloudError, RpcTimeout, RpcRemoteException, AgentJobNotRunning: a step failed.
    """
    await tidy(world)
    stage = world.log.stage(f"Updating instance {instance.label}", total=1)
    single = _Single(world, instance, row, request, stage)
    if request.action == "stop":
        await _stop(single)
    elif request.action == "start":
        await _start(single)
    elif request.action in {"restart", "recreate"}:
        label = "recreate" if single.hard else "restart"
        with recorded(world, label, "instance", instance.name, instance=instance.name):
            await _stop(single)
            await _start(replace(single, row=_reread(single)))
    else:
        raise BoshError(f"cannot {request.action} an instance", details="known: start, stop, restart, recreate")


def _reread(single: _Single) -> records.Instance:
    return single.world.store.instances.get(uuid=single.row.uuid) or single.row


async def _stop(single: _Single) -> None:
    state = single.row.state
    if state == "detached" or (state == "stopped" and not single.hard):
        return
    responsive = await _responsive(single)
    if state != "stopped":
        async with single.stage.step("Stopping instance"):
            await _stop_jobs(single, responsive=responsive)
    if single.hard:
        async with single.stage.step("Deleting VM"):
            await _delete_vm(single, responsive=responsive)


async def _responsive(single: _Single) -> bool:
    """Whether the agent answers; asked only where the operator allows it not to."""
    vm = vm_of(single.world.store, single.row.uuid)
    if vm is None:
        return False
    if not single.request.ignore_unresponsive_agent:
        return True
    try:
        await single.world.agents.call(vm.agent_id, "ping", timeout_s=single.world.config.agent_answer_timeout_s)
    except RpcTimeout:
        return False
    return True


async def _stop_jobs(single: _Single, *, responsive: bool) -> None:
    world, instance = single.world, single.instance
    vm = vm_of(world.store, single.row.uuid)
    single.world.control.checkpoint()
    with recorded(world, "stop", "instance", instance.name, instance=instance.name):
        if vm is not None and responsive:
            await stop_jobs(
                world,
                vm.agent_id,
                fate="delete_vm" if single.hard else "keep",
                drain="shutdown",
                spec=apply_spec.for_vm(world, vm, single.row.spec),
                skip_drain=single.request.skip_drain,
            )
            await take_snapshots(world, owner_of(instance, vm), clean=True)
        single.remember(state="stopped")


async def _delete_vm(single: _Single, *, responsive: bool) -> None:
    world, instance = single.world, single.instance
    single.world.control.checkpoint()
    vm = vm_of(world.store, single.row.uuid)
    if vm is not None:
        owner = owner_of(instance, vm)
        for disk in disks.disks_of(world, instance.id) if responsive else ():
            await disks.release_disk(world, owner, disk)
        await delete_vm(world, vm, instance=instance.name)
    single.remember(state="detached")


async def _start(single: _Single) -> None:
    world, instance = single.world, single.instance
    vm = vm_of(world.store, single.row.uuid)
    if vm is None:
        async with single.stage.step("Creating VM"):
            world.control.checkpoint()
            vm = await make_vm(world, instance, single.row.spec)
            await publish_dns(world)
    elif single.row.state == "started":
        return
    async with single.stage.step("Starting instance") as step:
        world.control.checkpoint()
        with recorded(world, "start", "instance", instance.name, instance=instance.name):
            single.remember(state="started", dirty=True)
            await apply_spec.apply(world, vm, single.row.spec)
            watch = instance.update.update_watch_time
            await start_jobs(world, vm.agent_id, instance.label, watch=watch, told=step.status)
            single.remember(dirty=False)
