"""Snapshot the disks of one instance while it runs (``bosh take-snapshot GROUP/ID``; bosh: jobs/create_snapshot.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.recorded import find_instance
from bosh.execution.steps.snapshot import owner_of_disks, take_snapshots
from bosh.execution.world import world_of


async def run(context: TaskContext) -> str:
    """``snapshot(s) CID, … created``; none where snapshots are switched off. Raises InstanceNotFound, CloudError."""
    world = world_of(context)
    instance = find_instance(context.store, context.task.deployment, str(context.task.arguments["instance"]))
    taken = await take_snapshots(world, owner_of_disks(world, instance), clean=False)
    return f"snapshot(s) {', '.join(taken)} created"
