"""Delete one VM by its name in the cloud, whether the director knows it or not (``bosh delete-vm``; bosh: jobs/delete_vm.rb).

No deployment's lock is taken: it is how an operator gets rid of a VM on which a deploy hangs.
"""

from __future__ import annotations

from dataclasses import replace

from bosh.director.tasks.contract import TaskContext
from bosh.execution.dns_records import publish_dns
from bosh.execution.events import recorded
from bosh.execution.world import World, world_of
from bosh.state import records
from bosh.wire.cpi import VM_NOT_FOUND
from bosh.wire.errors import CloudError

_LOCK_TIMEOUT_S = 10.0

_UNKNOWN_VMS_API_VERSION = 2
"""As the original: nobody knows from which stemcell a VM was made that the director does not remember."""


async def run(context: TaskContext) -> str:
    """``vm CID deleted``; one that the cloud does not have is told of in a warning. Raises CloudError, LockTimeout."""
    cid = str(context.task.arguments["vm_cid"])
    vm = context.store.vms.get(cid=cid)
    world = replace(world_of(context), deployment=vm.deployment if vm else "")
    async with (
        context.control.lock(f"lock:vm:{cid}", timeout_s=_LOCK_TIMEOUT_S),
        context.log.stage("Delete VM", total=1).step(cid),
    ):
        with recorded(world, "delete", "vm", cid, instance=_instance(vm)):
            await _delete(world, cid, vm)
        if vm is not None:
            await _forget(world, vm)
    return f"vm {cid} deleted"


def _instance(vm: records.Vm | None) -> str:
    return f"{vm.group}/{vm.instance_uuid or vm.agent_id}" if vm else ""


async def _delete(world: World, cid: str, vm: records.Vm | None) -> None:
    api_version = vm.stemcell_api_version if vm else _UNKNOWN_VMS_API_VERSION
    try:
        await world.cloud(vm.cpi if vm else "", api_version=api_version).call("delete_vm", cid)
    except CloudError as error:
        if error.kind != VM_NOT_FOUND:
            raise
        world.log.notice("warning", f"VM {cid} does not exist. Deletion is skipped")


async def _forget(world: World, vm: records.Vm) -> None:
    with world.store.transaction():
        world.store.vms.delete(id=vm.id)
        world.store.ips.delete(agent_id=vm.agent_id)
    await world.control.sync_bus_users()
    if vm.instance_uuid:
        await publish_dns(world)
