"""Bring one instance to its wanted state (bosh: instance_updater/update_procedure.rb, recreate_handler.rb).

Before anything is touched the instance is marked dirty, and clean again at the end: whatever interrupts the step, the next plan sees
that it was begun and does it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bosh.execution.events import recorded
from bosh.execution.metadata import call_if_implemented
from bosh.execution.steps import apply_spec, disks
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.make_vm import make_vm, metadata_of, owner_of
from bosh.execution.steps.snapshot import take_snapshots
from bosh.execution.steps.start_jobs import start_jobs
from bosh.execution.steps.stop_jobs import Fate, Told, stop_jobs
from bosh.execution.steps.update_disks import update_disks
from bosh.execution.world import World
from bosh.manifest.model import Json
from bosh.plan.model import UpdateInstance
from bosh.state import records
from bosh.wire.errors import BoshError


class VmMissing(BoshError):
    """An instance has no VM where one was to be."""

    code = 70004


@dataclass
class _Update:
    """One instance on its way."""

    world: World
    step: UpdateInstance
    spec: Mapping[str, Json]
    told: Told

    @property
    def id(self) -> str:
        return self.step.instance.id

    def vm(self) -> records.Vm | None:
        found = self.world.store.vms.list(instance_uuid=self.id, active=True)
        return next((vm for vm in found if vm.cid), None)

    def vm_or_fail(self) -> records.Vm:
        vm = self.vm()
        if vm is None:
            raise VmMissing(f"cannot update '{self.step.instance.label}': it has no VM")
        return vm

    def remember(self, **values: Any) -> None:
        self.world.store.instances.update_where({"uuid": self.id}, **values)


async def update_instance(
    world: World, step: UpdateInstance, spec: Mapping[str, Json], *, told: Told = lambda _status: None
) -> None:
    """Carry out one step.

    Args:
        spec: the step's spec with compiled packages filled in.
        told: takes ``executing drain`` and the like.

    Raises:
        AgentJobNotRunning: its jobs do not run in time. CloudError, RpcTimeout, RpcRemoteException: a cloud or an agent could not.
    """
    update = _Update(world, step, spec, told)
    with recorded(
        world, _action(step), "instance", step.instance.name, instance=step.instance.name, context=_context(step)
    ):
        if step.method == "metadata":
            await _send_metadata(update)
        else:
            update.remember(dirty=True)
            await _BY_METHOD[step.method](update)
            update.remember(dirty=False)


def _action(step: UpdateInstance) -> str:
    kinds = {change.kind for change in step.changes}
    if kinds == {"restart"}:
        return "restart"
    if kinds == {"state"}:
        return "start" if step.instance.state == "started" else "stop"
    if step.current is None:
        return "create"
    return "recreate" if step.method == "recreate" else "update"


def _context(step: UpdateInstance) -> dict[str, Any]:
    kinds = [change.kind for change in step.changes]
    if set(kinds) in ({"restart"}, {"state"}):
        return {}
    context: dict[str, Any] = {"az": step.instance.az} if step.instance.az else {}
    if step.current is not None and kinds != ["recreate"]:
        context["changes"] = kinds
    return context


# --- the ways an instance gets where it should be ---------------------------------------------------------------------------------------


async def _in_place(update: _Update) -> None:
    vm = update.vm_or_fail()
    await apply_spec.prepare(update.world, vm, update.spec)
    await _stop(update, vm, fate="keep")
    await _converge_disks(update, vm)
    await apply_spec.update_settings(update.world, vm, instance_uuid=update.id)
    await _send_changed_tags(update, vm)
    await _apply_and_start(update, vm)


async def _recreate(update: _Update) -> None:
    vm = update.vm()
    if vm is not None and _responsive(update):
        await _stop(update, vm, fate="delete_vm")
        await _release_disks(update, vm)
    if vm is not None:
        await delete_vm(update.world, vm, instance=update.step.instance.name)
    _free_old_addresses(update)
    vm = await make_vm(update.world, update.step.instance, update.spec)
    await _converge_disks(update, vm)
    await _apply_and_start(update, vm)


async def _start(update: _Update) -> None:
    vm = update.vm_or_fail()
    await apply_spec.prepare(update.world, vm, update.spec)
    await _converge_disks(update, vm)
    await apply_spec.update_settings(update.world, vm, instance_uuid=update.id)
    await _apply_and_start(update, vm)


async def _rest(update: _Update) -> None:
    """End stopped: what else has changed waits for the next start."""
    vm = update.vm_or_fail()
    await _stop(update, vm, fate="keep")
    update.remember(state="stopped")


async def _detach(update: _Update) -> None:
    """End without a VM; disks and addresses stay."""
    vm = update.vm()
    if vm is not None:
        if _responsive(update):
            await _stop(update, vm, fate="delete_vm")
            await _release_disks(update, vm)
        await delete_vm(update.world, vm, instance=update.step.instance.name)
    update.remember(state="detached")


_BY_METHOD = {"in_place": _in_place, "recreate": _recreate, "start": _start, "stop": _rest, "detach": _detach}


# --- what they are made of --------------------------------------------------------------------------------------------------------------


def _responsive(update: _Update) -> bool:
    current = update.step.current
    return current is None or current.vm is None or current.vm.responsive


def _rests(update: _Update) -> bool:
    """Whether it is remembered as stopped and its agent does not say otherwise."""
    current = update.step.current
    return (
        current is not None
        and current.state == "stopped"
        and current.vm is not None
        and current.vm.job_state != "running"
    )


async def _stop(update: _Update, vm: records.Vm, *, fate: Fate) -> None:
    """Stop what runs. Nobody can be asked where the agent is silent: its VM is about to go, or its jobs count as stopped."""
    step = update.step
    if _rests(update):
        return
    if not _responsive(update):
        update.world.log.notice(
            "warning", f"The agent of {step.instance.label} does not answer; its jobs were not stopped"
        )
        return
    lasting = fate == "keep" and step.method != "stop" and not step.create_disks and not step.orphan_disks
    await stop_jobs(
        update.world,
        vm.agent_id,
        fate=fate,
        drain="update" if lasting else "shutdown",
        spec=apply_spec.for_vm(update.world, vm, update.spec),
        skip_drain=step.skip_drain,
        told=update.told,
    )
    await take_snapshots(update.world, owner_of(step.instance, vm), clean=True)


async def _release_disks(update: _Update, vm: records.Vm) -> None:
    owner = owner_of(update.step.instance, vm)
    for disk in disks.disks_of(update.world, update.id):
        await disks.release_disk(update.world, owner, disk)


async def _converge_disks(update: _Update, vm: records.Vm) -> None:
    step = update.step
    await update_disks(update.world, owner_of(step.instance, vm), create=step.create_disks, orphan=step.orphan_disks)


def _free_old_addresses(update: _Update) -> None:
    """Give back addresses that only the old VM had."""
    wanted = {reservation.ip for reservation in update.step.instance.reservations}
    for row in update.world.store.ips.list(instance_uuid=update.id):
        if row.ip not in wanted:
            update.world.store.ips.delete(ip=row.ip, instance_uuid=update.id)


async def _apply_and_start(update: _Update, vm: records.Vm) -> None:
    instance = update.step.instance
    spec = await _final_spec(update, vm)
    update.told("installing packages")
    await apply_spec.apply(update.world, vm, spec)
    update.remember(spec=dict(spec), variable_set=update.world.variable_set, lifecycle=instance.lifecycle)
    update.told("configuring jobs")
    if instance.state == "started":
        watch = instance.update.canary_watch_time if update.step.canary else instance.update.update_watch_time
        await start_jobs(update.world, vm.agent_id, instance.label, watch=watch, told=update.told)
    _free_old_addresses(update)
    update.remember(state=instance.state)


async def _final_spec(update: _Update, vm: records.Vm) -> Mapping[str, Json]:
    """The spec, rendered again where a dynamic network has given addresses that were not known when it was."""
    networks = {**update.spec["networks"], **_dynamic(vm.network_settings)}
    if networks == update.spec["networks"] or update.world.respec is None:
        return update.spec
    return await update.world.respec(update.step.instance, {**update.spec, "networks": networks})


def _dynamic(networks: Mapping[str, Json]) -> dict[str, Json]:
    return {name: settings for name, settings in networks.items() if settings.get("type") == "dynamic"}


# --- names and tags ---------------------------------------------------------------------------------------------------------------------


async def _send_changed_tags(update: _Update, vm: records.Vm) -> None:
    if update.step.current is not None and any(change.kind == "tags" for change in update.step.changes):
        await _send_tags(update, vm)


async def _send_metadata(update: _Update) -> None:
    """Only names and tags have changed: no job notices."""
    vm = update.vm()
    if vm is not None and any(change.kind == "tags" for change in update.step.changes):
        await _send_tags(update, vm)
    update.remember(spec={**update.spec})


async def _send_tags(update: _Update, vm: records.Vm) -> None:
    instance = update.step.instance
    await call_if_implemented(
        update.world.cloud(vm.cpi), "set_vm_metadata", vm.cid, metadata_of(update.world, instance)
    )
    owner = owner_of(instance, vm)
    for disk in disks.disks_of(update.world, instance.id):
        await disks.tag_disk(update.world, owner, disk)
    update.remember(tags=dict(instance.tags))
