"""Give a stopped instance another persistent disk, an orphaned one or one the director never knew (bosh: jobs/attach_disk.rb)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bosh.execution.recorded import vm_of
from bosh.execution.steps import disks
from bosh.execution.steps.disks import Owner
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.errors import BoshError

_UNKNOWN_SIZE_MB = 1
"""What the original remembers of a disk it never made; the next deploy sees another size than wanted and moves the contents."""


class AttachDiskErrorUnknownInstance(BoshError):
    code = 520001


class AttachDiskInvalidInstanceState(BoshError):
    code = 520003


def find_resting_instance(world: World, group: str, instance_uuid: str) -> records.Instance:
    """The instance, if its disk may be changed.

    Raises:
        AttachDiskErrorUnknownInstance: 520001. AttachDiskInvalidInstanceState: 520003, it is ignored or not stopped.
    """
    about = f"Instance '{group}/{instance_uuid}' in deployment '{world.deployment}'"
    row = world.store.instances.get(uuid=instance_uuid, group=group, deployment=world.deployment)
    if row is None:
        raise AttachDiskErrorUnknownInstance(f"{about} was not found")
    if row.ignored:
        raise AttachDiskInvalidInstanceState(
            f"{about} is in 'ignore' state. Attaching disks to ignored instances is not allowed.",
            resolution=f"Run 'bosh unignore {group}/{instance_uuid}' first.",
        )
    if row.state not in {"detached", "stopped"}:
        raise AttachDiskInvalidInstanceState(
            f"{about} must be in 'bosh stopped' state", resolution=f"Run 'bosh stop {group}/{instance_uuid}' first."
        )
    return row


async def adopt_disk(world: World, instance: records.Instance, cid: str, *, copy_properties: bool) -> None:
    """Orphan the disk it has and make this one its own; attached at once where it has a VM, else with its next one.

    Args:
        copy_properties: a disk that the director does not know is remembered with size and properties of the old one.

    Raises:
        AttachDiskInvalidInstanceState: 520003, the disk is another instance's.
        CloudError, RpcTimeout, RpcRemoteException: a move failed; it may be asked for again.
    """
    _refuse_anothers(world, instance, cid)
    vm = vm_of(world.store, instance.uuid)
    previous = _managed(world, instance)
    if previous is not None and previous.cid != cid:
        await _let_go(world, instance, vm, previous)
    elif previous is not None and vm is not None:
        await disks.release_disk(world, _owner(instance, vm), previous)
    known = _known(world, cid) or _stranger(world, instance, vm, cid, previous if copy_properties else None)
    disk = _take(world, instance, known)
    if vm is not None:
        await disks.attach_disk(world, _owner(instance, vm), disk)


def _owner(instance: records.Instance, vm: records.Vm) -> Owner:
    return Owner(instance.uuid, instance.group, instance.index, vm, instance.az, instance.tags)


def _managed(world: World, instance: records.Instance) -> records.Disk | None:
    """The disk that the agent formats and mounts."""
    return next((one for one in disks.disks_of(world, instance.uuid) if one.active and not one.name), None)


def _known(world: World, cid: str) -> records.Disk | None:
    return world.store.disks.get(cid=cid)


def _refuse_anothers(world: World, instance: records.Instance, cid: str) -> None:
    disk = _known(world, cid)
    if disk is not None and disk.orphaned_at is None and disk.instance_uuid != instance.uuid:
        raise AttachDiskInvalidInstanceState(
            f"Disk '{cid}' belongs to instance '{disk.group}/{disk.instance_uuid}' in deployment '{disk.deployment}'",
            resolution=f"Orphan it first: bosh orphan-disk {cid}",
        )


async def _let_go(world: World, instance: records.Instance, vm: records.Vm | None, disk: records.Disk) -> None:
    world.store.disks.update_where({"key": disk.key}, active=False)
    if vm is not None:
        await disks.release_disk(world, _owner(instance, vm), disk)
    disks.orphan_disk(world, disk, instance=f"{instance.group}/{instance.uuid}")


def _stranger(
    world: World, instance: records.Instance, vm: records.Vm | None, cid: str, like: records.Disk | None
) -> records.Disk:
    return world.store.disks.insert(
        records.Disk(
            key=world.ids.uuid(),
            cid=cid,
            deployment=world.deployment,
            instance_uuid=instance.uuid,
            group=instance.group,
            size_mb=like.size_mb if like else _UNKNOWN_SIZE_MB,
            cloud_properties=like.cloud_properties if like else {},
            cpi=vm.cpi if vm else like.cpi if like else "",
        )
    )


def _take(world: World, instance: records.Instance, disk: records.Disk) -> records.Disk:
    """Its row and its snapshots are the instance's from now on."""
    values: dict[str, Any] = {
        "deployment": world.deployment,
        "instance_uuid": instance.uuid,
        "group": instance.group,
        "az": instance.az,
        "instance_name": f"{instance.group}/{instance.uuid}",
        "orphaned_at": None,
        "active": True,
        "name": "",
    }
    with world.store.transaction():
        world.store.disks.update(disk.id, **values)
        world.store.snapshots.update_where(
            {"disk_cid": disk.cid}, deployment=world.deployment, instance_uuid=instance.uuid
        )
    return replace(disk, **values)
