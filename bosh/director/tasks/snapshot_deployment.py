"""Snapshot the disks of all instances while they run (``bosh take-snapshots``; bosh: jobs/snapshot_deployment.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.steps.snapshot import owner_of_disks, take_snapshots
from bosh.execution.world import World, world_of
from bosh.state import records
from bosh.wire.errors import CloudError

_ERROR = 3
"""The alert's severity."""


async def run(context: TaskContext) -> str:
    """``snapshots of deployment 'D' created``, with the number of instances that could not be; the health monitor hears of these."""
    name, world = context.task.deployment, world_of(context)
    failures = 0
    for instance in context.store.instances.list(deployment=name):
        context.control.checkpoint()
        failures += not await _snapshot(world, instance)
    told = f", with {failures} failure(s)" if failures else ""
    return f"snapshots of deployment '{name}' created{told}"


async def _snapshot(world: World, instance: records.Instance) -> bool:
    """Whether it went well. An instance without a VM is passed over: nothing on its disks changes."""
    owner = owner_of_disks(world, instance)
    if not owner.vm.cid:
        return True
    try:
        await take_snapshots(world, owner, clean=False)
    except CloudError as error:
        await _tell(world, instance, owner.vm.cid, error)
        return False
    return True


async def _tell(world: World, instance: records.Instance, vm_cid: str, error: CloudError) -> None:
    label = f"{instance.group}/{instance.index}"
    world.log.notice("warning", f"failed to take snapshot of: {label} ({vm_cid}): {error.brief}")
    await world.agents.alert(
        {
            "id": "director",
            "severity": _ERROR,
            "title": "director - snapshot failure",
            "summary": f"failed to snapshot {label}: {error.brief}",
            "created_at": int(world.clock.now().timestamp()),
        }
    )
