"""Look for differences between what is remembered and what is (``bosh cloud-check``; bosh: jobs/cloud_check/scan.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.repair.scan import forget, scan_disks, scan_vms
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``scan complete``. Raises LockTimeout at once when a deploy is under way: what it would find is passing."""
    name = context.task.deployment
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=0):
        world = world_of(context)
        forget(world)
        instances = context.store.instances.list(deployment=name)
        owners = await scan_vms(world, instances)
        await scan_disks(world, instances, owners)
    return "scan complete"
