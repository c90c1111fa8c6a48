"""Carry out a resolution. Each looks again first: a fault that has gone by itself is not mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bosh.director.tasks.contract import TaskContext
from bosh.execution.dns_records import publish_dns
from bosh.execution.events import recorded
from bosh.execution.recorded import find_instance, recorded_instance, vm_of, world_of_instance
from bosh.execution.repair.kinds import IGNORE
from bosh.execution.steps import apply_spec, disks
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.make_vm import make_vm, owner_of
from bosh.execution.steps.start_jobs import start_jobs
from bosh.execution.steps.stop_jobs import run_script
from bosh.execution.world import World
from bosh.plan.model import LaidInstance
from bosh.state import records
from bosh.wire.cpi import DISK_NOT_ATTACHED, DISK_NOT_FOUND, VM_NOT_FOUND
from bosh.wire.errors import BoshError, CloudError, RpcRemoteException, RpcTimeout

Told = Callable[[str], None]
CpiOf = Callable[[records.Instance], str]
"""The CPI of an instance's AZ."""


class ProblemHandlerError(BoshError):
    """A problem cannot be mended this way, or need not be any more."""


@dataclass(frozen=True)
class _Patient:
    world: World
    problem: records.Problem
    row: records.Instance
    instance: LaidInstance
    told: Told

    @property
    def vm(self) -> records.Vm | None:
        return vm_of(self.world.store, self.row.uuid)

    def disk(self) -> records.Disk:
        found = self.world.store.disks.get(key=self.problem.data.get("disk"), orphaned_at=None)
        if found is None:
            raise ProblemHandlerError(f"Disk of problem {self.problem.id} is no longer in the database")
        return found


async def mend(context: TaskContext, problem: records.Problem, resolution: str, *, cpi_of: CpiOf, told: Told) -> None:
    """Apply one resolution to one problem.

    Raises:
        ProblemHandlerError: it does not apply any more. InstanceNotFound. What clouds and agents raise.
    """
    if resolution == IGNORE:
        return
    row = find_instance(context.store, problem.deployment, str(problem.data["instance"]))
    if not row.spec and resolution.startswith("recreate"):
        raise ProblemHandlerError(
            f"'{row.group}/{row.uuid}' was never deployed: there is nothing to recreate it from",
            resolution="Run 'bosh deploy'.",
        )
    world = world_of_instance(context, row)
    instance = recorded_instance(world, row, cpi=cpi_of(row))
    await _ACTIONS[resolution](_Patient(world, problem, row, instance, told))


# --- VMs --------------------------------------------------------------------------------------------------------------------------


async def _refuse_healthy(patient: _Patient) -> None:
    """An agent that answers again needs no repair (unresponsive_agent.rb)."""
    vm = patient.vm
    if patient.problem.type != "unresponsive_agent" or vm is None:
        return
    try:
        await patient.world.agents.call(vm.agent_id, "ping", timeout_s=patient.world.config.agent_answer_timeout_s)
    except (RpcTimeout, RpcRemoteException):
        return
    raise ProblemHandlerError("Agent is responding now, skipping resolution")


async def _recreate(patient: _Patient) -> None:
    """A new VM with the same disks and addresses, its jobs running.

    The instance's wanted state stays what it was throughout: a repair that fails half-way is tried again by the next scan.
    """
    await _make_again(patient, wait=True)


async def _recreate_without_wait(patient: _Patient) -> None:
    await _make_again(patient, wait=False)


async def _make_again(patient: _Patient, *, wait: bool) -> None:
    world, instance, row = patient.world, patient.instance, patient.row
    await _refuse_healthy(patient)
    with recorded(world, "recreate", "instance", instance.name, instance=instance.name):
        if patient.vm is not None:
            patient.told("deleting VM")
            await _take_away(patient, patient.vm)
        patient.told("creating VM")
        vm = await make_vm(world, instance, row.spec)
        await publish_dns(world)
        if row.state != "started":
            return
        world.store.instances.update_where({"uuid": row.uuid}, dirty=True)
        await apply_spec.apply(world, vm, row.spec)
        if wait:
            watch = instance.update.update_watch_time
            await start_jobs(world, vm.agent_id, instance.label, watch=watch, told=patient.told)
        else:
            patient.told("starting jobs")
            await run_script(world, vm.agent_id, "pre-start")
            await world.agents.run(vm.agent_id, "start")
        world.store.instances.update_where({"uuid": row.uuid}, dirty=False)


async def _take_away(patient: _Patient, vm: records.Vm) -> None:
    """The VM goes, its disks stay; nobody answers in it, so only the cloud is asked."""
    world = patient.world
    for disk in disks.disks_of(world, patient.row.uuid):
        await _detach_by_cloud(world, vm, disk)
    await delete_vm(world, vm, instance=patient.instance.name)


async def _detach_by_cloud(world: World, vm: records.Vm, disk: records.Disk) -> None:
    cloud = world.cloud(disk.cpi, api_version=vm.stemcell_api_version)
    try:
        await cloud.call("detach_disk", vm.cid, disk.cid)
    except CloudError as error:
        if error.kind not in {DISK_NOT_ATTACHED, VM_NOT_FOUND}:
            raise


async def _reboot(patient: _Patient) -> None:
    await _refuse_healthy(patient)
    vm = patient.vm
    if vm is None:
        raise ProblemHandlerError(f"VM of '{patient.instance.name}' is no longer in the database")
    await _reboot_vm(patient, vm)


async def _reboot_vm(patient: _Patient, vm: records.Vm) -> None:
    world = patient.world
    with recorded(world, "reboot", "vm", vm.cid, instance=patient.instance.name):
        await world.cloud(vm.cpi, api_version=vm.stemcell_api_version).call("reboot_vm", vm.cid)
    try:
        await world.agents.wait_until_ready(vm.agent_id, timeout_s=world.config.agent_wait_timeout_s)
    except RpcTimeout as error:
        raise ProblemHandlerError("Agent still unresponsive after reboot") from error


async def _delete_vm(patient: _Patient) -> None:
    await _refuse_healthy(patient)
    if patient.vm is not None:
        await _take_away(patient, patient.vm)
    await publish_dns(patient.world)


async def _delete_vm_reference(patient: _Patient) -> None:
    await _refuse_healthy(patient)
    vm = patient.vm
    if vm is not None:
        patient.world.store.vms.delete(agent_id=vm.agent_id)
        patient.world.store.ips.delete(agent_id=vm.agent_id)
    await publish_dns(patient.world)


# --- disks ------------------------------------------------------------------------------------------------------------------------


async def _delete_disk_reference(patient: _Patient) -> None:
    """The cloud has lost it: have the agent let go of it, and forget it."""
    world, disk, vm = patient.world, patient.disk(), patient.vm
    if vm is not None:
        try:
            await disks.unmount_disk(world, owner_of(patient.instance, vm), disk)
        except RpcTimeout:
            world.debug(f"agent {vm.agent_id} does not answer, nothing to unmount")
        await _detach_lost(world, vm, disk)
    world.store.snapshots.delete(disk_cid=disk.cid)
    world.store.disks.delete(key=disk.key)


async def _detach_lost(world: World, vm: records.Vm, disk: records.Disk) -> None:
    try:
        await _detach_by_cloud(world, vm, disk)
    except CloudError as error:
        if error.kind != DISK_NOT_FOUND:
            raise


async def _mounted(patient: _Patient, disk: records.Disk) -> bool:
    if patient.vm is None:
        return False
    try:
        return disk.cid in await patient.world.agents.run(patient.vm.agent_id, "list_disk")
    except (RpcTimeout, RpcRemoteException):
        return False


async def _delete_disk(patient: _Patient) -> None:
    world, disk = patient.world, patient.disk()
    if disk.active:
        raise ProblemHandlerError(f"Disk '{disk.cid}' is no longer inactive")
    if await _mounted(patient, disk):
        raise ProblemHandlerError("Disk is currently in use")
    if patient.vm is not None:
        await _detach_by_cloud(world, patient.vm, disk)
    disks.orphan_disk(world, disk, instance=patient.instance.name)


async def _activate_disk(patient: _Patient) -> None:
    world, disk = patient.world, patient.disk()
    if not await _mounted(patient, disk):
        raise ProblemHandlerError("Disk is not mounted")
    others = world.store.disks.list(instance_uuid=patient.row.uuid, active=True, name=disk.name, orphaned_at=None)
    if others:
        raise ProblemHandlerError("Instance already has an active disk")
    world.store.disks.update(disk.id, active=True)


async def _reattach(patient: _Patient) -> None:
    vm = patient.vm
    if vm is None:
        raise ProblemHandlerError(f"Can't find corresponding vm-cid for disk '{patient.disk().cid}'")
    await disks.attach_disk(patient.world, owner_of(patient.instance, vm), patient.disk())


async def _reattach_and_reboot(patient: _Patient) -> None:
    vm = patient.vm
    if vm is None:
        raise ProblemHandlerError(f"Can't find corresponding vm-cid for disk '{patient.disk().cid}'")
    cloud = patient.world.cloud(patient.disk().cpi, api_version=vm.stemcell_api_version)
    await cloud.call("attach_disk", vm.cid, patient.disk().cid)
    await _reboot_vm(patient, vm)


_ACTIONS: dict[str, Callable[[_Patient], Awaitable[Any]]] = {
    "recreate_vm": _recreate,
    "recreate_vm_without_wait": _recreate_without_wait,
    "reboot_vm": _reboot,
    "delete_vm": _delete_vm,
    "delete_vm_reference": _delete_vm_reference,
    "delete_disk_reference": _delete_disk_reference,
    "delete_disk": _delete_disk,
    "activate_disk": _activate_disk,
    "reattach_disk": _reattach,
    "reattach_disk_and_reboot": _reattach_and_reboot,
}
