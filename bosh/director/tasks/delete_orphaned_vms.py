"""Delete VMs that a deploy replaced and left for later (bosh: scheduled_orphaned_vm_cleanup.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.orphans import delete_vm


async def run(context: TaskContext) -> str:
    """``deleted N orphaned vm(s)``. Raises CloudError, LockTimeout."""
    rows = [vm for vm in context.store.vms.list() if vm.orphaned_at is not None]
    stage = context.log.stage("Deleting orphaned vms", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(row.cid):
            context.control.checkpoint()
            await delete_vm(context, row)
    return f"deleted {len(rows)} orphaned vm(s)"
