"""Delete an instance: stop it, delete its VM, orphan its disks, free its addresses, forget it (bosh: instance_deleter.rb)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal

from bosh.execution.events import recorded
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.steps.disks import disks_of, orphan_disk
from bosh.execution.steps.stop_jobs import stop_jobs
from bosh.execution.world import World
from bosh.plan.apply_spec import for_agent
from bosh.plan.model import CurrentInstance
from bosh.wire.errors import BoshError


async def delete_instance(
    world: World,
    instance: CurrentInstance,
    *,
    fate: Literal["delete_instance", "delete_deployment"] = "delete_instance",
    force: bool = False,
) -> None:
    """Carry it out; what is gone already is passed over, so it may be repeated.

    Args:
        force: note what goes wrong with agents and clouds and go on.

    Raises:
        CloudError, RpcTimeout, RpcRemoteException: unless forced; the instance is then still remembered.
    """
    name = f"{instance.group}/{instance.id}"
    with recorded(world, "delete", "instance", name, instance=name):
        if agent_id := _agent_to_ask(world, instance):
            await _tolerant(
                world,
                stop_jobs(world, agent_id, fate=fate, drain="shutdown", spec=for_agent(instance.spec)),
                force=force,
            )
        for vm in world.store.vms.list(instance_uuid=instance.id):
            await delete_vm(world, vm, instance=name, force=force)
        for disk in disks_of(world, instance.id):
            orphan_disk(world, disk, instance=name)
        await _delete_archive(world, instance)
        _forget(world, instance.id)


def _agent_to_ask(world: World, instance: CurrentInstance) -> str:
    """The agent that has jobs to stop; empty when nothing runs or nobody answers."""
    vm = instance.vm
    if vm is None or not vm.responsive or instance.state != "started":
        return ""
    return vm.agent_id if world.store.vms.get(agent_id=vm.agent_id) is not None else ""


async def _tolerant(world: World, work: Awaitable[None], *, force: bool) -> None:
    try:
        await work
    except BoshError as error:
        if not force:
            raise
        world.debug(f"going on after: {error}")


async def _delete_archive(world: World, instance: CurrentInstance) -> None:
    archive = instance.spec.get("rendered_templates_archive") or {}
    if archive.get("blobstore_id"):
        await world.blobs.delete(archive["blobstore_id"])


def _forget(world: World, instance_id: str) -> None:
    with world.store.transaction():
        world.store.ips.delete(instance_uuid=instance_id)
        world.store.disks.delete(instance_uuid=instance_id, cid="")
        world.store.dns_numbers.delete(space="instance", key=instance_id)
        world.store.instances.delete(uuid=instance_id)
