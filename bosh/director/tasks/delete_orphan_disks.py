"""Delete disks that belong to nobody (``bosh delete-disk``, and daily those that are old; bosh: jobs/delete_orphan_disks.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.orphans import delete_disk, refuse_disks_in_use
from bosh.execution.concurrency import for_each


async def run(context: TaskContext) -> str:
    """``orphaned disk(s) CID, … deleted``; one that is not there any more needs no deleting.

    Raises:
        DeletingPersistentDiskError: 520000, an instance has one of them. CloudError: a cloud could not, and then it is still remembered.
    """
    cids = [str(cid) for cid in context.task.arguments["disk_cids"]]
    refuse_disks_in_use(context.store, cids)
    stage = context.log.stage("Deleting orphaned disks", total=max(len(cids), 1))

    async def delete(cid: str) -> None:
        context.control.checkpoint()
        async with stage.step(f"Deleting orphaned disk {cid}"):
            for disk in context.store.disks.list(cid=cid):
                if disk.orphaned_at is not None:
                    await delete_disk(context, disk)

    await for_each(cids, delete, at_once=context.config.max_threads)
    return f"orphaned disk(s) {', '.join(cids)} deleted"
