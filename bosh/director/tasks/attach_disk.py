"""Attach a disk to a stopped instance in place of its own (``bosh attach-disk``; bosh: jobs/attach_disk.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.adopt_disk import adopt_disk, find_resting_instance
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``attached disk 'CID' to …``.

    Raises:
        AttachDiskErrorUnknownInstance: 520001. AttachDiskInvalidInstanceState: 520003. What attaching raises.
    """
    arguments, name = context.task.arguments, context.task.deployment
    group, instance_uuid, cid = (str(arguments[key]) for key in ("group", "instance", "disk_cid"))
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
        world = world_of(context)
        instance = find_resting_instance(world, group, instance_uuid)
        await adopt_disk(world, instance, cid, copy_properties=arguments.get("disk_properties") == "copy")
    return f"attached disk '{cid}' to '{group}/{instance_uuid}' in deployment '{name}'"
