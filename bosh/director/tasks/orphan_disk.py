"""Make a disk nobody's: its instance gets a new one with the next deploy (``bosh orphan-disk``; bosh: jobs/orphan_disk.rb)."""

from __future__ import annotations

from dataclasses import replace

from bosh.director.tasks.contract import TaskContext
from bosh.execution.steps import disks
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``disk CID orphaned``; a disk that nobody has is told of in a warning. Nothing in the cloud changes."""
    cid = str(context.task.arguments["disk_cid"])
    async with context.log.stage("Orphan disk", total=1).step(cid):
        disk = context.store.disks.get(cid=cid, orphaned_at=None)
        if disk is None:
            context.log.notice("warning", f"Disk {cid} does not exist. Orphaning is skipped")
        else:
            world = replace(world_of(context), deployment=disk.deployment)
            disks.orphan_disk(world, disk, instance=disk.instance_name or f"{disk.group}/{disk.instance_uuid}")
    return f"disk {cid} orphaned"
