"""VMs that live as long as an errand: deleted when it ends, and by the next task when it could not end itself.

Intent comes before effect: the VM's row says that it is temporary before a cloud makes it (bosh: errand/errand_instance_updater.rb).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from bosh.execution.archives import drop_unused_archives
from bosh.execution.concurrency import for_each, uninterrupted
from bosh.execution.dns_records import publish_dns
from bosh.execution.steps import disks
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.disks import Owner
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.errors import BoshError


@asynccontextmanager
async def temporary_vms(world: World, instance_uuids: Iterable[str], *, keep: bool) -> AsyncIterator[None]:
    """The VMs of these instances, those that exist and those made meanwhile, go when this is left, also by cancellation.

    Args:
        keep: they stay (``--keep-alive``).

    Raises:
        CloudError: a VM could not be deleted; after another failure that is noted only. It is tried again by the next task.
    """
    world.store.vms.update_where({"instance_uuid": list(instance_uuids)}, temporary=not keep)
    try:
        yield
    except BaseException:
        await uninterrupted(_remove_and_note(world))
        raise
    await uninterrupted(remove_temporary(world))


async def remove_left_over(world: World) -> None:
    """Delete what an interrupted task of this deployment left; what a cloud refuses to delete is tried again by the next task."""
    if world.store.vms.count(deployment=world.deployment, temporary=True):
        await _remove_and_note(world)
    await drop_unused_archives(world)


async def _remove_and_note(world: World) -> None:
    try:
        await remove_temporary(world)
    except BoshError as error:
        world.log.notice("warning", f"Could not delete a VM of an errand: {error.brief}")


async def remove_temporary(world: World) -> None:
    """Delete the deployment's temporary VMs. Raises CloudError."""
    rows = [vm for vm in world.store.vms.list(deployment=world.deployment, temporary=True) if vm.cid]
    if not rows:
        return
    await for_each(rows, lambda vm: _remove(world, vm), at_once=world.config.max_threads)
    await publish_dns(world)


async def _remove(world: World, vm: records.Vm) -> None:
    instance = world.store.instances.get(uuid=vm.instance_uuid)
    if instance is not None:
        await _release_disks(world, instance, vm)
    await delete_vm(world, vm, instance=f"{vm.group}/{vm.instance_uuid}")
    world.store.instances.update_where({"uuid": vm.instance_uuid}, dirty=False)


async def _release_disks(world: World, instance: records.Instance, vm: records.Vm) -> None:
    """Unmount and detach; an agent that does not answer keeps no VM alive."""
    owner = Owner(instance.uuid, instance.group, instance.index, vm, instance.az, instance.tags)
    for disk in disks.disks_of(world, instance.uuid):
        try:
            await disks.release_disk(world, owner, disk)
        except BoshError as error:
            world.debug(f"disk {disk.cid} goes with its VM: {error}")
