"""Delete snapshots (``bosh delete-snapshot``; bosh: jobs/delete_snapshots.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.steps.snapshot import delete_snapshot
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``snapshot(s) CID, … deleted``; one that is gone already is no error. Raises CloudError."""
    world, cids = world_of(context), [str(cid) for cid in context.task.arguments["snapshot_cids"]]
    for snapshot in context.store.snapshots.list(cid=cids):
        context.control.checkpoint()
        await delete_snapshot(world, snapshot)
    return f"snapshot(s) {', '.join(cids)} deleted"
