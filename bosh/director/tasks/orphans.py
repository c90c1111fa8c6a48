"""Deleting VMs and disks that belong to nobody any more (bosh: orphaned_vm_deleter.rb, orphan_disk_manager.rb)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bosh.director.tasks.contract import TaskContext
from bosh.state import records
from bosh.state.contract import Store
from bosh.wire import cpi
from bosh.wire.errors import BoshError, CloudError

_LOCK_TIMEOUT_S = 10.0


class DeletingPersistentDiskError(BoshError):
    """The disk is an instance's."""

    code = 520000


def refuse_disks_in_use(store: Store, cids: Sequence[str]) -> None:
    """Only orphans may be deleted. Raises DeletingPersistentDiskError."""
    used = sorted(disk.cid for disk in store.disks.list(cid=list(cids), orphaned_at=None))
    if used:
        raise DeletingPersistentDiskError(
            f"Deleting persistent disk is not supported: {json.dumps(used)}",
            resolution="Orphan it first with 'bosh orphan-disk'.",
        )


async def delete_vm(context: TaskContext, vm: records.Vm) -> None:
    """From its cloud, then its addresses and its row. One that the cloud does not have any more is deleted all the same.

    Raises:
        CloudError: the cloud could not; the row stays, so that it is tried again. LockTimeout.
    """
    async with context.control.lock(f"lock:orphan_vm_cleanup:{vm.cid}", timeout_s=_LOCK_TIMEOUT_S):
        parent = context.control.event("delete", "vm", vm.cid, deployment=vm.deployment, instance=_instance(vm))
        try:
            if vm.cid:
                await _gone(context, vm.cpi, "delete_vm", vm.cid, missing=cpi.VM_NOT_FOUND)
        except CloudError as error:
            _say_failed(context, "vm", vm.cid, vm.deployment, parent, error)
            raise
        with context.store.transaction():
            context.store.ips.delete(agent_id=vm.agent_id)
            context.store.vms.delete(id=vm.id)
        context.control.event(
            "delete", "vm", vm.cid, deployment=vm.deployment, instance=_instance(vm), parent_id=parent
        )
    await context.control.sync_bus_users()


async def delete_disk(context: TaskContext, disk: records.Disk) -> None:
    """Its snapshots, itself, then its row.

    Raises:
        CloudError: the cloud could not; the row stays.
    """
    parent = context.control.event("delete", "disk", disk.cid, deployment=disk.deployment)
    try:
        for snapshot in context.store.snapshots.list(disk_cid=disk.cid):
            await context.cpis.named(disk.cpi).call("delete_snapshot", snapshot.cid)
            context.store.snapshots.delete(id=snapshot.id)
        if disk.cid:
            await _gone(context, disk.cpi, "delete_disk", disk.cid, missing=cpi.DISK_NOT_FOUND)
    except CloudError as error:
        _say_failed(context, "disk", disk.cid, disk.deployment, parent, error)
        raise
    context.store.disks.delete(id=disk.id)
    context.control.event("delete", "disk", disk.cid, deployment=disk.deployment, parent_id=parent)


async def _gone(context: TaskContext, cloud: str, method: str, cid: str, *, missing: str) -> None:
    try:
        await context.cpis.named(cloud).call(method, cid)
    except CloudError as error:
        if error.kind != missing:
            raise


def _instance(vm: records.Vm) -> str:
    return f"{vm.group}/{vm.instance_uuid}" if vm.instance_uuid else vm.group


def _say_failed(context: TaskContext, kind: str, cid: str, deployment: str, parent: int, error: CloudError) -> None:
    context.control.event("delete", kind, cid, deployment=deployment, parent_id=parent, error=str(error))
