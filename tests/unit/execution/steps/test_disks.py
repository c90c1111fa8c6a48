from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from bosh.execution.steps import disks
from bosh.execution.steps.create_vm import create_vm
from bosh.execution.steps.disks import Owner
from bosh.execution.steps.snapshot import take_snapshots
from bosh.execution.steps.update_disks import AgentDiskOutOfSync, update_disks
from bosh.manifest.model import DiskRequest
from bosh.plan.model import CurrentDisk
from bosh.state import records
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import CloudError

from .orders import order


@pytest.fixture
async def owner(fake: FakeWorld) -> Owner:
    vm = await create_vm(fake.world, order())
    fake.agents.calls.clear()
    return Owner("instance-1", "web", 0, vm, "z1", {"team": "a"})


def current(disk: records.Disk) -> CurrentDisk:
    return CurrentDisk(disk.cid, disk.size_mb, disk.cloud_properties, disk.name, disk.active)


def stored(fake: FakeWorld) -> list[tuple[int, bool, bool]]:
    return [(disk.size_mb, disk.active, disk.orphaned_at is not None) for disk in fake.store.disks.list()]


async def test_a_first_disk(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10, {"type": "ssd"})], orphan=[])
    assert stored(fake) == [(10, True, False)]
    assert fake.methods(but=()) == ["ping", "add_persistent_disk", "ping", "mount_disk"]
    (record,) = [path.read_text() for path in (fake.cloud.directory / "disks").glob("*.json")]
    assert '"instance_id":"instance-1"' in record.replace(" ", "")
    assert [event["object_type"] for event in fake.control.events[-2:]] == ["disk", "disk"]


async def test_a_replaced_disk_gives_its_content_away_and_is_orphaned(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    old = fake.store.disks.list()[0]
    fake.agents.calls.clear()
    await update_disks(fake.world, owner, create=[DiskRequest(20)], orphan=[current(old)])
    assert stored(fake) == [(10, False, True), (20, True, False)]
    assert fake.methods() == [
        "list_disk",
        "add_persistent_disk",
        "mount_disk",
        "migrate_disk",
        "list_disk",
        "unmount_disk",
        "remove_persistent_disk",
    ]


async def test_a_disk_half_replaced_by_an_earlier_run_goes(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    left = await disks.create_disk(fake.world, owner, DiskRequest(20))
    await disks.attach_disk(fake.world, owner, left)
    await update_disks(fake.world, owner, create=[], orphan=[])
    assert stored(fake) == [(10, True, False), (20, False, True)]


async def test_an_unwanted_disk_is_orphaned_not_deleted(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    old = fake.store.disks.list()[0]
    await update_disks(fake.world, owner, create=[], orphan=[current(old)])
    assert stored(fake) == [(10, False, True)]
    assert await fake.cloud.call("has_disk", old.cid)


async def test_a_disk_the_agent_lost_is_attached_again(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    agent = fake.agents.agents["agent-1"]
    agent.mounted.clear()
    await update_disks(fake.world, owner, create=[], orphan=[])
    assert agent.mounted == [fake.store.disks.list()[0].cid]


async def test_a_strange_disk_on_the_vm_is_refused(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    fake.agents.agents["agent-1"].mounted[:] = ["disk-of-others"]
    with pytest.raises(AgentDiskOutOfSync, match="agent reports 'disk-of-others'"):
        await update_disks(fake.world, owner, create=[], orphan=[])


async def test_named_disks_are_attached_but_not_mounted(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(
        fake.world, owner, create=[DiskRequest(10, name="data"), DiskRequest(20, name="logs")], orphan=[]
    )
    assert fake.methods() == ["add_persistent_disk", "add_persistent_disk"]
    assert [disk.name for disk in fake.store.disks.list()] == ["data", "logs"]


async def test_a_disk_grows_in_place_where_that_is_switched_on(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    old = fake.store.disks.list()[0]
    world = replace(fake.world, config=msgspec.structs.replace(fake.world.config, enable_cpi_resize_disk=True))
    await update_disks(world, owner, create=[DiskRequest(30)], orphan=[current(old)])
    assert stored(fake) == [(30, True, False)]
    assert fake.agents.agents["agent-1"].mounted == [old.cid]


async def test_a_cloud_that_cannot_grow_disks_gets_a_new_one(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    old = fake.store.disks.list()[0]
    fake.cloud.order_fault("resize_disk", kind="Bosh::Clouds::NotImplemented")
    world = replace(fake.world, config=msgspec.structs.replace(fake.world.config, enable_cpi_resize_disk=True))
    await update_disks(world, owner, create=[DiskRequest(30)], orphan=[current(old)])
    assert stored(fake) == [(10, False, True), (30, True, False)]


async def test_a_cloud_without_room_leaves_no_row(fake: FakeWorld, owner: Owner) -> None:
    fake.cloud.order_fault("create_disk", kind="Bosh::Clouds::NoDiskSpace")
    with pytest.raises(CloudError):
        await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    assert fake.store.disks.list() == []


async def test_detaching_what_is_not_attached_is_no_error(fake: FakeWorld, owner: Owner) -> None:
    disk = await disks.create_disk(fake.world, owner, DiskRequest(10))
    await disks.release_disk(fake.world, owner, disk)


async def test_snapshots_only_where_switched_on(fake: FakeWorld, owner: Owner) -> None:
    await update_disks(fake.world, owner, create=[DiskRequest(10)], orphan=[])
    assert await take_snapshots(fake.world, owner, clean=True) == []
    world = replace(fake.world, config=msgspec.structs.replace(fake.world.config, enable_snapshots=True))
    (cid,) = await take_snapshots(world, owner, clean=True)
    assert [(one.cid, one.clean) for one in fake.store.snapshots.list()] == [(cid, True)]
    fake.cloud.order_fault("snapshot_disk", kind="Bosh::Clouds::NotImplemented")
    assert await take_snapshots(world, owner, clean=True) == []
