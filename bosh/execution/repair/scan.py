"""Look at a deployment's VMs and disks and remember what is wrong (bosh: problem_scanner/*.rb)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bosh.execution.concurrency import for_each
from bosh.execution.recorded import vm_of
from bosh.execution.repair.kinds import RESOLUTIONS
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.cpi import NOT_IMPLEMENTED, NOT_SUPPORTED
from bosh.wire.errors import CloudError, RpcRemoteException, RpcTimeout

AGENT_TIMEOUT_S = 10.0
"""As the original: long enough for an agent on a busy machine, short enough for a person who waits."""

DiskOwners = dict[str, list[str]]
"""Disk CID → CIDs of the VMs that have it mounted."""


@dataclass
class _Tally:
    found: Counter[str] = field(default_factory=Counter)

    def text(self, *kinds: str) -> str:
        return ", ".join(f"{self.found[kind]} {label}" for kind in kinds for label in [_LABELS.get(kind, kind)])


_LABELS = {
    "unresponsive_agent": "unresponsive",
    "missing_vm": "missing",
    "missing_disk": "missing",
    "inactive_disk": "inactive",
    "mount_info_mismatch": "mount-info mismatch",
    "ok": "OK",
}


def expects_vm(instance: records.Instance) -> bool:
    """Whether an instance should have a VM now."""
    return instance.lifecycle == "service" and instance.state != "detached"


def forget(world: World, instances: Sequence[records.Instance] | None = None) -> None:
    """Close what earlier scans found, for all of the deployment or some instances of it."""
    for problem in world.store.problems.list(deployment=world.deployment, state="open"):
        if instances is None or problem.data.get("instance") in {instance.uuid for instance in instances}:
            world.store.problems.update(problem.id, state="closed")


async def scan_vms(world: World, instances: Sequence[records.Instance], *, suspects: bool = False) -> DiskOwners:
    """Ask every agent; problems are remembered. Who has which disk mounted.

    Args:
        suspects: these are believed lost already: ask the cloud first, and no agent of a VM that is gone is waited for.
    """
    wanted = [instance for instance in instances if expects_vm(instance)]
    stage = world.log.stage(f"Scanning {len(wanted)} VMs", total=2)
    owners: DiskOwners = {}
    tally = _Tally()

    async def look(instance: records.Instance) -> None:
        world.control.checkpoint()
        tally.found[await _look_at_vm(world, instance, owners, suspect=suspects)] += 1

    async with stage.step("Checking VM states"):
        await for_each([one for one in wanted if not one.ignored], look, at_once=world.config.max_threads)
    ignored = sum(1 for one in wanted if one.ignored)
    text = tally.text("ok", "unresponsive_agent", "missing_vm") + (f", {ignored} ignored" if ignored else "")
    async with stage.step(text):
        pass
    return owners


async def _look_at_vm(world: World, instance: records.Instance, owners: DiskOwners, *, suspect: bool) -> str:
    vm = vm_of(world.store, instance.uuid)
    exists = vm is not None and (not suspect or await _exists(world, vm.cpi, "has_vm", vm.cid))
    if vm is not None and exists:
        try:
            await world.agents.call(vm.agent_id, "get_state", timeout_s=AGENT_TIMEOUT_S)
            for cid in await world.agents.run(vm.agent_id, "list_disk"):
                owners.setdefault(cid, []).append(vm.cid)
            return "ok"
        except (RpcTimeout, RpcRemoteException):
            exists = suspect or await _exists(world, vm.cpi, "has_vm", vm.cid)
    # Who does not answer keeps its disks, or one fault would be reported twice.
    for disk in world.store.disks.list(instance_uuid=instance.uuid, active=True, orphaned_at=None) if vm else ():
        owners.setdefault(disk.cid, []).append(vm.cid if vm else "")
    return _lost(world, instance, vm, missing=not exists)


def _lost(world: World, instance: records.Instance, vm: records.Vm | None, *, missing: bool) -> str:
    label = f"{instance.group}/{instance.uuid} ({instance.index})"
    with_cid = f" with cloud ID '{vm.cid}'" if vm else ""
    kind, what = ("missing_vm", "missing") if missing else ("unresponsive_agent", "is not responding")
    _remember(world, kind, f"VM for '{label}'{with_cid} {what}.", instance, resource_id=instance.id)
    return kind


async def _exists(world: World, cpi: str, method: str, cid: str) -> bool:
    """What a cloud that cannot tell has, is there."""
    try:
        return bool(await world.cloud(cpi).call(method, cid))
    except CloudError as error:
        if error.kind in {NOT_IMPLEMENTED, NOT_SUPPORTED}:
            return True
        raise


async def scan_disks(world: World, instances: Sequence[records.Instance], owners: Mapping[str, Sequence[str]]) -> None:
    """Hold every disk against the cloud and against who has it mounted."""
    by_uuid = {instance.uuid: instance for instance in instances if not instance.ignored}
    disks = [
        disk
        for disk in world.store.disks.list(deployment=world.deployment, orphaned_at=None)
        if disk.cid and disk.instance_uuid in by_uuid
    ]
    stage = world.log.stage(f"Scanning {len(disks)} persistent disks", total=2)
    tally = _Tally()

    async def look(disk: records.Disk) -> None:
        world.control.checkpoint()
        instance = by_uuid[disk.instance_uuid]
        kind, data = await _look_at_disk(world, disk, owners.get(disk.cid, ()))
        tally.found[kind] += 1
        if kind != "ok":
            text = _about_disk(kind, disk, instance, data)
            _remember(world, kind, text, instance, resource_id=disk.id, data={**data, "disk": disk.key})

    async with stage.step("Looking for inactive disks"):
        await for_each(disks, look, at_once=world.config.max_threads)
    async with stage.step(tally.text("ok", "missing_disk", "inactive_disk", "mount_info_mismatch")):
        pass


async def _look_at_disk(world: World, disk: records.Disk, owners: Sequence[str]) -> tuple[str, dict[str, Any]]:
    if not await _exists(world, disk.cpi, "has_disk", disk.cid):
        return "missing_disk", {}
    if not disk.active:
        return "inactive_disk", {}
    vm = vm_of(world.store, disk.instance_uuid)
    if vm is None or disk.name or list(owners) == [vm.cid]:
        return "ok", {}
    return "mount_info_mismatch", {"owner_vms": list(owners), "vm_cid": vm.cid}


def _about_disk(kind: str, disk: records.Disk, instance: records.Instance, data: Mapping[str, Any]) -> str:
    name = f"{instance.group}/{instance.uuid}"
    if kind == "missing_disk":
        return f"Disk '{disk.cid}' ({name}, {disk.size_mb}M) is missing"
    if kind == "inactive_disk":
        return f"Disk '{disk.cid}' ({disk.size_mb}M) for instance '{name} ({instance.index})' is inactive"
    owners = data["owner_vms"]
    where = f"\tMounted on: {', '.join(owners)}" if owners else "\tNot mounted in any VM"
    return (
        "Inconsistent mount information:\n"
        f"Record shows that disk '{disk.cid}' should be mounted on {data['vm_cid']}.\n"
        f"However it is currently :\n{where}"
    )


def _remember(
    world: World,
    kind: str,
    text: str,
    instance: records.Instance,
    *,
    resource_id: int,
    data: Mapping[str, Any] | None = None,
) -> None:
    world.store.problems.insert(
        records.Problem(
            deployment=world.deployment,
            type=kind,
            description=text,
            created_at=world.clock.now(),
            resource_id=resource_id,
            data={**(data or {}), "instance": instance.uuid},
            resolutions=[{"name": one.name, "plan": one.plan} for one in RESOLUTIONS[kind]],
            instance_group=instance.group,
        )
    )
