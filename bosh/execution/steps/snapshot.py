"""Snapshots of an instance's disks, where they are switched on (bosh: api/snapshot_manager.rb)."""

from __future__ import annotations

from bosh.execution.events import recorded
from bosh.execution.steps.disks import Owner, disks_of
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.cpi import NOT_IMPLEMENTED, NOT_SUPPORTED
from bosh.wire.errors import CloudError


async def take_snapshots(world: World, owner: Owner, *, clean: bool) -> list[str]:
    """Snapshot every disk; the snapshots' names. Nothing when snapshots are switched off or the cloud knows none.

    Args:
        clean: the jobs were stopped.
    """
    if not world.config.enable_snapshots:
        return []
    taken = []
    for disk in disks_of(world, owner.instance_uuid):
        cid = await _snapshot(world, owner, disk)
        if cid:
            taken.append(cid)
            world.store.snapshots.insert(
                records.Snapshot(cid, disk.cid, world.deployment, owner.instance_uuid, clean, world.clock.now())
            )
    return taken


async def _snapshot(world: World, owner: Owner, disk: records.Disk) -> str:
    metadata = {
        "deployment": world.deployment,
        "job": owner.group,
        "index": owner.index,
        "director_name": world.config.name,
        "director_uuid": world.director_uuid,
        "agent_id": owner.vm.agent_id,
        "instance_id": owner.instance_uuid,
    }
    with recorded(world, "create", "snapshot", instance=owner.name) as event:
        try:
            cid = await world.cloud(disk.cpi).call("snapshot_disk", disk.cid, {**(owner.tags or {}), **metadata})
        except CloudError as error:
            if error.kind not in {NOT_IMPLEMENTED, NOT_SUPPORTED}:
                raise
            world.debug(f"the cloud of disk {disk.cid} knows no snapshots")
            return ""
        event.name = str(cid)
    return str(cid)


async def delete_snapshot(world: World, snapshot: records.Snapshot) -> None:
    """Delete it from its cloud and from memory; a cloud that knows no snapshots has none. Raises CloudError, and it stays remembered."""
    disk = world.store.disks.get(cid=snapshot.disk_cid)
    with recorded(world, "delete", "snapshot", snapshot.cid):
        try:
            await world.cloud(disk.cpi if disk else "").call("delete_snapshot", snapshot.cid)
        except CloudError as error:
            if error.kind not in {NOT_IMPLEMENTED, NOT_SUPPORTED}:
                raise
    world.store.snapshots.delete(cid=snapshot.cid)


def owner_of_disks(world: World, instance: records.Instance) -> Owner:
    """An instance as the owner of disks, from its record; without a VM nothing but its disks can be acted on."""
    found = world.store.vms.list(instance_uuid=instance.uuid, active=True)
    vm = next((one for one in found if one.cid), None) or records.Vm("", instance.uuid, instance.deployment)
    return Owner(instance.uuid, instance.group, instance.index, vm, instance.az, instance.tags)
