"""Persistent disks of one instance, one function for each move; the order of calls is the original's
(bosh: disk_manager.rb, attach_disk_step.rb, mount_disk_step.rb, detach_disk_step.rb, unmount_disk_step.rb).

A disk with a name belongs to the group's ``persistent_disks`` list: it is attached but neither formatted nor mounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bosh.execution.concurrency import uninterrupted
from bosh.execution.events import recorded
from bosh.execution.metadata import call_if_implemented, disk_metadata
from bosh.execution.steps.create_vm import UNCERTAIN
from bosh.execution.world import World
from bosh.manifest.model import DiskRequest
from bosh.state import records
from bosh.wire.cpi import DISK_NOT_ATTACHED
from bosh.wire.errors import CloudError, RpcRemoteException


@dataclass(frozen=True, slots=True)
class Owner:
    """The instance whose disks are moved, and its VM."""

    instance_uuid: str
    group: str
    index: int
    vm: records.Vm
    az: str = ""
    tags: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.group}/{self.instance_uuid}"


def disks_of(world: World, instance_uuid: str) -> list[records.Disk]:
    """An instance's disks, those still to be created by the cloud left out."""
    return [disk for disk in world.store.disks.list(instance_uuid=instance_uuid, orphaned_at=None) if disk.cid]


async def create_disk(world: World, owner: Owner, wanted: DiskRequest) -> records.Disk:
    """A new disk, not attached yet; remembered as inactive until it is in use. Raises CloudError."""
    row = world.store.disks.insert(
        records.Disk(
            key=world.ids.uuid(),
            cid="",
            deployment=world.deployment,
            instance_uuid=owner.instance_uuid,
            group=owner.group,
            size_mb=wanted.size_mb,
            cloud_properties=dict(wanted.cloud_properties),
            name=wanted.name,
            active=False,
            cpi=owner.vm.cpi,
            az=owner.az,
            instance_name=owner.name,
        )
    )
    try:
        with recorded(world, "create", "disk", instance=owner.name) as event:
            row = await uninterrupted(_create(world, owner, wanted, row))
            event.name = row.cid
    except CloudError as error:
        if error.kind not in UNCERTAIN:
            world.store.disks.delete(key=row.key)
        raise
    return row


async def _create(world: World, owner: Owner, wanted: DiskRequest, row: records.Disk) -> records.Disk:
    cloud = world.cloud(owner.vm.cpi)
    cid = await cloud.call("create_disk", wanted.size_mb, world.resolve(wanted.cloud_properties), owner.vm.cid)
    world.store.disks.update(row.id, cid=cid)
    return replace(row, cid=str(cid))


async def attach_disk(world: World, owner: Owner, disk: records.Disk) -> None:
    """Attach it, tell the agent where, tag it and, unless it has a name, mount it.

    Raises:
        CloudError: the cloud could not. RpcTimeout, RpcRemoteException: the agent could not.
    """
    cloud = world.cloud(disk.cpi, api_version=owner.vm.stemcell_api_version)
    hint = await cloud.call("attach_disk", owner.vm.cid, disk.cid)
    if hint:
        await _wait(world, owner)
        await _if_known(world, owner, "add_persistent_disk", disk.cid, hint)
    await tag_disk(world, owner, disk)
    if not disk.name:
        await _wait(world, owner)
        await world.agents.run(owner.vm.agent_id, "mount_disk", disk.cid)


async def tag_disk(world: World, owner: Owner, disk: records.Disk) -> None:
    """Send the disk's metadata, where the cloud takes it."""
    metadata = disk_metadata(
        tags=owner.tags or {},
        director=world.config.name,
        deployment=world.deployment,
        instance_id=owner.instance_uuid,
        group=owner.group,
        index=owner.index,
        now=world.clock.now(),
    )
    await call_if_implemented(world.cloud(disk.cpi), "set_disk_metadata", disk.cid, metadata)


async def unmount_disk(world: World, owner: Owner, disk: records.Disk) -> None:
    """Unmount it if the agent has it mounted."""
    if disk.cid in await world.agents.run(owner.vm.agent_id, "list_disk"):
        await world.agents.run(owner.vm.agent_id, "unmount_disk", disk.cid)


async def detach_disk(world: World, owner: Owner, disk: records.Disk) -> None:
    """Make the agent forget it and take it from the VM; one that is not attached is no error. Raises CloudError."""
    await _if_known(world, owner, "remove_persistent_disk", disk.cid)
    try:
        await world.cloud(disk.cpi, api_version=owner.vm.stemcell_api_version).call(
            "detach_disk", owner.vm.cid, disk.cid
        )
    except CloudError as error:
        if error.kind != DISK_NOT_ATTACHED:
            raise


async def release_disk(world: World, owner: Owner, disk: records.Disk) -> None:
    """Unmount and detach."""
    if not disk.name:
        await unmount_disk(world, owner, disk)
    await detach_disk(world, owner, disk)


def orphan_disk(world: World, disk: records.Disk, *, instance: str) -> None:
    """It belongs to nobody from now on, and is kept for a while."""
    with recorded(world, "orphan", "disk", disk.cid, instance=instance):
        world.store.disks.update_where({"key": disk.key}, orphaned_at=world.clock.now(), active=False)


async def _wait(world: World, owner: Owner) -> None:
    await world.agents.wait_until_ready(owner.vm.agent_id, timeout_s=world.config.agent_wait_timeout_s)


async def _if_known(world: World, owner: Owner, method: str, *arguments: object) -> None:
    """Ask for what agents of old stemcells do not know (agent_client.rb: safe_send_message)."""
    try:
        await world.agents.run(owner.vm.agent_id, method, *arguments)
    except RpcRemoteException as error:
        if "unknown message" not in error.details:
            raise
        world.debug(f"the agent of {owner.name} does not know {method}")
