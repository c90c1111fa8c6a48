"""Delete one VM from its cloud and from memory; a VM that is gone already is no error (bosh: vm_deleter.rb)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bosh.execution.events import recorded
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.cpi import VM_NOT_FOUND
from bosh.wire.errors import CloudError


async def delete_vm(world: World, vm: records.Vm, *, instance: str = "", force: bool = False) -> None:
    """Delete it.

    Args:
        force: note a cloud's refusal and forget the VM all the same (``delete-deployment --force``).

    Raises:
        CloudError: the cloud could not, and then it is still remembered.
    """
    if vm.cid:
        with recorded(world, "delete", "vm", vm.cid, instance=instance), _going(world, vm):
            await _delete_from_cloud(world, vm, force=force)
    world.store.vms.delete(agent_id=vm.agent_id)
    world.store.ips.delete(agent_id=vm.agent_id)


@contextmanager
def _going(world: World, vm: records.Vm) -> Iterator[None]:
    """Not its instance's VM from now on: a director that dies before it hears that the VM is gone leaves it to be tidied up, and does not
    wait for its agent. A cloud that refuses leaves things as they were.
    """
    world.store.vms.update(vm.id, active=False)
    try:
        yield
    except CloudError:
        world.store.vms.update(vm.id, active=vm.active)
        raise


async def _delete_from_cloud(world: World, vm: records.Vm, *, force: bool) -> None:
    try:
        await world.cloud(vm.cpi, api_version=vm.stemcell_api_version).call("delete_vm", vm.cid)
    except CloudError as error:
        if error.kind == VM_NOT_FOUND:
            return
        if not force:
            raise
        world.log.notice("warning", f"Could not delete VM '{vm.cid}', which may still exist: {error.brief}")
