"""Give an instance the persistent disks it should have: new ones in, contents moved, old ones orphaned (bosh: disk_manager.rb)."""

from __future__ import annotations

from collections.abc import Sequence

from bosh.execution.metadata import call_if_implemented
from bosh.execution.steps import disks
from bosh.execution.steps.disks import Owner
from bosh.execution.world import World
from bosh.manifest.model import DiskRequest
from bosh.plan.model import CurrentDisk
from bosh.state import records
from bosh.wire.errors import BoshError


class AgentDiskOutOfSync(BoshError):
    """The agent has another disk mounted than the director remembers."""

    code = 400010


async def update_disks(
    world: World, owner: Owner, *, create: Sequence[DiskRequest], orphan: Sequence[CurrentDisk]
) -> None:
    """Create, attach and fill the wanted disks, then let the unwanted ones go.

    A disk that an interrupted run left behind, remembered as inactive, is let go as well; the new disk is made again.

    Raises:
        AgentDiskOutOfSync: 400010. CloudError, RpcTimeout, RpcRemoteException: a move failed; the old disk is still the active one.
    """
    remembered = disks.disks_of(world, owner.instance_uuid)
    if remembered and not any(disk.name for disk in remembered):
        await _agree_with_agent(world, owner, remembered)
    unwanted = {disk.cid for disk in orphan}
    for wanted in create:
        old = next((disk for disk in remembered if disk.cid in unwanted and disk.name == wanted.name), None)
        if old is not None and await _resized(world, owner, old, wanted):
            unwanted.discard(old.cid)
            continue
        await _replace(world, owner, old, wanted)
    for disk in disks.disks_of(world, owner.instance_uuid):
        if disk.cid in unwanted or not disk.active:
            world.store.disks.update_where({"key": disk.key}, active=False)
            await disks.release_disk(world, owner, disk)
            disks.orphan_disk(world, disk, instance=owner.name)


async def _agree_with_agent(world: World, owner: Owner, remembered: Sequence[records.Disk]) -> None:
    """The agent's disk must be ours; one it lost is attached again."""
    mounted = await world.agents.run(owner.vm.agent_id, "list_disk")
    active = [disk for disk in remembered if disk.active]
    known = {disk.cid for disk in remembered}
    strangers = [cid for cid in mounted if cid not in known]
    if strangers:
        raise AgentDiskOutOfSync(
            f"'{owner.name}' has invalid disks: agent reports '{strangers[0]}' while director record shows "
            f"'{', '.join(disk.cid for disk in active)}'",
            resolution="Run 'bosh cloud-check' on the deployment.",
        )
    for disk in active:
        if disk.cid not in mounted:
            await disks.attach_disk(world, owner, disk)


async def _replace(world: World, owner: Owner, old: records.Disk | None, wanted: DiskRequest) -> None:
    new = await disks.create_disk(world, owner, wanted)
    await disks.attach_disk(world, owner, new)
    if old is not None and not wanted.name:
        # The agent ignores both names: it copies from the disk mounted first to the one mounted last.
        await world.agents.run(owner.vm.agent_id, "migrate_disk", old.cid, new.cid)
    with world.store.transaction():
        if old is not None:
            world.store.disks.update_where({"key": old.key}, active=False)
        world.store.disks.update_where({"key": new.key}, active=True)


async def _resized(world: World, owner: Owner, old: records.Disk, wanted: DiskRequest) -> bool:
    """Grow the disk in place where that is switched on, only its size changes, and the cloud can."""
    larger_alone = wanted.size_mb > old.size_mb and dict(wanted.cloud_properties) == old.cloud_properties
    if not world.config.enable_cpi_resize_disk or wanted.name or not larger_alone:
        return False
    await disks.release_disk(world, owner, old)
    done = await call_if_implemented(world.cloud(old.cpi), "resize_disk", old.cid, wanted.size_mb)
    if done:
        world.store.disks.update_where({"key": old.key}, size_mb=wanted.size_mb)
    await disks.attach_disk(world, owner, old)
    return done
