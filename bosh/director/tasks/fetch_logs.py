"""Bundle the logs of one or several instances; the task's result is the bundle's blob (``bosh logs``; bosh: jobs/fetch_logs.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution import logs
from bosh.execution.world import world_of
from bosh.state import records
from bosh.wire.errors import InstanceNotFound


async def run(context: TaskContext) -> str:
    """The bundle's blob id. Raises InstanceNotFound when none of the instances has a VM."""
    arguments, world = context.task.arguments, world_of(context)
    await logs.remove_old(world)
    chosen = _with_vms(context, list(arguments["instances"]))
    if not chosen:
        raise InstanceNotFound(f"No instance with a VM in deployment '{context.task.deployment}' matched")
    kinds, filters = str(arguments.get("log_type") or "job"), list(arguments.get("filters") or [])
    if len(chosen) == 1:
        ((instance, vm),) = chosen
        blob = await logs.fetch(world, instance, vm, kinds=kinds, filters=filters)
    else:
        blob = await logs.fetch_all(world, chosen, context.work_dir, kinds=kinds, filters=filters)
    logs.keep_for_a_while(world, blob)
    return blob.id


def _with_vms(context: TaskContext, uuids: list[str]) -> list[tuple[records.Instance, records.Vm]]:
    store = context.store
    vms = {vm.instance_uuid: vm for vm in store.vms.list(instance_uuid=uuids, active=True) if vm.cid}
    instances = store.instances.list(uuid=uuids)
    return [(instance, vms[instance.uuid]) for instance in instances if instance.uuid in vms]
