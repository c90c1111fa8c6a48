"""Give lost instances new VMs: what the health monitor's resurrector asks for (bosh: jobs/cloud_check/scan_and_fix.rb)."""

from __future__ import annotations

from collections.abc import Iterable

from bosh.director.tasks.contract import TaskContext
from bosh.execution.repair.apply import apply_resolutions
from bosh.execution.repair.scan import forget, scan_vms
from bosh.execution.world import world_of
from bosh.state import records


async def run(context: TaskContext) -> str:
    """``scan and fix complete``.

    Raises:
        LockTimeout: at once, when a deploy is under way.
        ResolutionsFailed: an instance could not be brought back; the next scan tries again.
    """
    name = context.task.deployment
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=0):
        world = world_of(context)
        chosen = list(_chosen(context, [tuple(pair) for pair in context.task.arguments["jobs"]]))
        forget(world, chosen)
        await scan_vms(world, chosen, suspects=True)
        await apply_resolutions(context, _wanted(context, {instance.uuid for instance in chosen}))
    return "scan and fix complete"


def _chosen(context: TaskContext, named: list[tuple[str, ...]]) -> Iterable[records.Instance]:
    """The instances named by (group, index or uuid); those with disks only where the director may touch them by itself."""
    store, name = context.store, context.task.deployment
    stateful = {disk.instance_uuid for disk in store.disks.list(deployment=name, active=True, orphaned_at=None)}
    for instance in store.instances.list(deployment=name):
        meant = (instance.group, instance.uuid) in named or (instance.group, str(instance.index)) in named
        if meant and (context.config.auto_fix_stateful_nodes or instance.uuid not in stateful):
            yield instance


def _wanted(context: TaskContext, uuids: set[str]) -> dict[str, str | None]:
    return {
        str(problem.id): "recreate_vm"
        for problem in context.store.problems.list(deployment=context.task.deployment, state="open")
        if problem.type in {"missing_vm", "unresponsive_agent"} and problem.data.get("instance") in uuids
    }
