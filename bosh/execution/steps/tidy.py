"""Clear away what an interrupted run left: VMs and disks that were ordered but never used."""

from __future__ import annotations

from bosh.execution.concurrency import for_each
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.errors import CloudError


async def tidy(world: World) -> None:
    """Delete this deployment's unused VMs, and forget disks that no cloud has made.

    A cloud that refuses is asked again by the next run: what it keeps stays remembered.
    """
    await for_each(unused_vms(world), lambda vm: _clear(world, vm), at_once=world.config.max_threads)
    world.store.disks.delete(deployment=world.deployment, cid="")


def unused_vms(world: World) -> list[records.Vm]:
    """Half made, replaced by another, or of a compilation that was cut short. The deployment's lock is held, so nobody works on them."""
    return [
        vm
        for vm in world.store.vms.list(deployment=world.deployment)
        if not vm.cid or not vm.active or not vm.instance_uuid
    ]


async def _clear(world: World, vm: records.Vm) -> None:
    if not vm.cid:
        await _clear_nameless(world, vm)
        return
    try:
        await delete_vm(world, vm, instance=f"{vm.group}/{vm.instance_uuid or vm.agent_id}")
    except CloudError as error:
        world.log.notice("warning", f"Could not delete the unused VM '{vm.cid}': {error.brief}")


async def _clear_nameless(world: World, vm: records.Vm) -> None:
    """The director ended between asking for a VM and learning its name. Clouds that know VMs by their agent delete it by that;
    others are told of a VM they do not know, which is no error for them (CPI contract: delete_vm)."""
    try:
        await world.cloud(vm.cpi, api_version=vm.stemcell_api_version).call("delete_vm", vm.agent_id)
    except CloudError as error:
        world.log.notice(
            "warning", f"A VM with agent '{vm.agent_id}' may be left in the cloud without a name: {error.brief}"
        )
    world.store.vms.delete(agent_id=vm.agent_id)
    world.store.ips.delete(agent_id=vm.agent_id)
