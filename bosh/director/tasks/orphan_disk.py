"""Make a disk nobody's: its instance gets a new one with the next deploy (``bosh orphan-disk``; bosh: jobs/orphan_disk.rb)."""

from __future__ import annotations

from dataclasses import replace

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.steps import disks
from bosh.execution.steps.snapshot import owner_of_disks
from bosh.execution.world import World, world_of
from bosh.state import records


async def run(context: TaskContext) -> str:
    """``disk CID orphaned``; a disk that nobody has is told of in a warning.

    The original only forgets whose it is. A stopped instance's VM lets go of it here as well: its next disk could not be mounted in the
    same place, and the orphan could not be attached elsewhere. Jobs that run keep theirs until they stop.

    Raises:
        LockTimeout: the deployment is being changed. CloudError, RpcTimeout, RpcRemoteException: the VM does not let go.
    """
    cid = str(context.task.arguments["disk_cid"])
    async with context.log.stage("Orphan disk", total=1).step(cid):
        disk = context.store.disks.get(cid=cid, orphaned_at=None)
        if disk is None:
            context.log.notice("warning", f"Disk {cid} does not exist. Orphaning is skipped")
        else:
            lock = context.control.lock(f"lock:deployment:{disk.deployment}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S)
            async with lock:
                await _orphan(replace(world_of(context), deployment=disk.deployment), disk)
    return f"disk {cid} orphaned"


async def _orphan(world: World, disk: records.Disk) -> None:
    instance = world.store.instances.get(uuid=disk.instance_uuid)
    if instance is not None and instance.state == "stopped":
        owner = owner_of_disks(world, instance)
        if owner.vm.cid:
            await disks.release_disk(world, owner, disk)
    disks.orphan_disk(world, disk, instance=f"{disk.group}/{disk.instance_uuid}")
