"""Delete all snapshots of a deployment (``bosh delete-snapshots``; bosh: jobs/delete_deployment_snapshots.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.steps.snapshot import delete_snapshot
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``snapshots of deployment 'D' deleted``. Those of disks that were orphaned go with their disks. Raises CloudError."""
    name, world = context.task.deployment, world_of(context)
    mine = {disk.cid for disk in context.store.disks.list(deployment=name, orphaned_at=None)}
    for snapshot in context.store.snapshots.list(deployment=name):
        if snapshot.disk_cid in mine:
            context.control.checkpoint()
            await delete_snapshot(world, snapshot)
    return f"snapshots of deployment '{name}' deleted"
