"""Disks and snapshots by hand: fake cloud, real bus, simulated agents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_cpi.faults import order_fault

from bosh.director.tasks.runner import Outcome
from bosh.state import records

from .conftest import Director, manifest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]


@pytest.fixture
async def web(director: Director) -> Director:
    """A director with two instances that have a disk each."""
    director.configure(enable_snapshots=True)
    outcome = await director.deploy(manifest(2, disk="disk"))
    assert outcome.state == "done", outcome.result
    director.fleet.calls.clear()
    return director


def instance(director: Director, index: int = 0) -> records.Instance:
    row = director.store.instances.get(group="web", index=index)
    assert row is not None
    return row


def disk_of(director: Director, index: int = 0) -> records.Disk:
    (disk,) = director.store.disks.list(instance_uuid=instance(director, index).uuid, orphaned_at=None)
    return disk


def attached(director: Director, index: int = 0) -> list[str]:
    (vm,) = director.store.vms.list(instance_uuid=instance(director, index).uuid)
    return list(json.loads((director.cloud / "vms" / vm.cid / "vm.json").read_text())["disks"])


def in_cloud(director: Director, cid: str) -> bool:
    return any((director.cloud / "disks").glob(f"{cid}*"))


def warnings(director: Director) -> list[str]:
    return [one["message"] for one in director.events() if one.get("type") == "warning"]


def code(director: Director) -> int:
    return int(director.events()[-1]["error"]["code"])


async def states(director: Director, state: str, index: int = 0) -> None:
    asked = {"web": {str(index): state}}
    outcome = await director.deploy(manifest(2, disk="disk"), deploy=False, job_states=asked)
    assert outcome.state == "done", outcome.result
    director.fleet.calls.clear()


async def attach(director: Director, cid: str, index: int = 0, **arguments: Any) -> Outcome:
    given = {"disk_cid": cid, "group": "web", "instance": instance(director, index).uuid, "disk_properties": ""}
    return await director.task("attach_disk", "dep", **(given | arguments))


# --- snapshots


async def test_snapshots_of_a_deployment(web: Director) -> None:
    outcome = await web.task("snapshot_deployment", "dep")
    assert outcome.result == "snapshots of deployment 'dep' created"
    taken = web.store.snapshots.list()
    assert {one.disk_cid for one in taken} == {disk_of(web, 0).cid, disk_of(web, 1).cid}
    assert [one.clean for one in taken] == [False, False]
    outcome = await web.task("delete_deployment_snapshots", "dep")
    assert outcome.result == "snapshots of deployment 'dep' deleted"
    assert web.store.snapshots.count() == 0


async def test_a_snapshot_that_fails_is_counted(web: Director) -> None:
    order_fault(web.cloud, "snapshot_disk", kind="Bosh::Clouds::CloudError", message="no room", times=1)
    outcome = await web.task("snapshot_deployment", "dep")
    assert outcome.result == "snapshots of deployment 'dep' created, with 1 failure(s)"
    assert "no room" in warnings(web)[0]
    assert web.store.snapshots.count() == 1


async def test_an_instance_without_a_vm_has_nothing_new_to_snapshot(web: Director) -> None:
    await states(web, "detached")
    web.store.snapshots.delete(deployment="dep")
    await web.task("snapshot_deployment", "dep")
    assert [one.instance_uuid for one in web.store.snapshots.list()] == [instance(web, 1).uuid]


async def test_one_snapshot(web: Director) -> None:
    outcome = await web.task("create_snapshot", "dep", instance=instance(web).uuid)
    (snapshot,) = web.store.snapshots.list()
    assert outcome.result == f"snapshot(s) {snapshot.cid} created"
    assert (snapshot.instance_uuid, snapshot.disk_cid) == (instance(web).uuid, disk_of(web).cid)
    outcome = await web.task("delete_snapshot", "dep", snapshot_cids=[snapshot.cid])
    assert outcome.result == f"snapshot(s) {snapshot.cid} deleted"
    assert web.store.snapshots.count() == 0
    assert [one.action for one in web.store.events.list(object_type="snapshot")] == ["create"] * 2 + ["delete"] * 2


async def test_a_snapshot_that_the_cloud_keeps_stays_remembered(web: Director) -> None:
    await web.task("create_snapshot", "dep", instance=instance(web).uuid)
    order_fault(web.cloud, "delete_snapshot", kind="Bosh::Clouds::CloudError", times=1)
    assert (await web.task("delete_deployment_snapshots", "dep")).state == "error"
    assert web.store.snapshots.count() == 1


async def test_snapshots_may_be_switched_off(web: Director) -> None:
    web.configure(enable_snapshots=False)
    assert (await web.task("create_snapshot", "dep", instance=instance(web).uuid)).result == "snapshot(s)  created"
    assert web.store.snapshots.count() == 0


# --- orphaning and deleting


async def test_orphaning_and_deleting(web: Director) -> None:
    await states(web, "stopped")
    cid = disk_of(web).cid
    assert in_cloud(web, cid)
    assert (await web.task("delete_orphan_disks", "", disk_cids=[cid])).state == "error"
    assert code(web) == 520000
    outcome = await web.task("orphan_disk", "", disk_cid=cid)
    assert outcome.result == f"disk {cid} orphaned"
    assert web.steps() == [f"Orphan disk: {cid}"]
    assert attached(web) == []
    event = web.store.events.list(action="orphan", object_type="disk")[0]
    assert (event.deployment, event.instance) == ("dep", f"web/{instance(web).uuid}")
    outcome = await web.task("delete_orphan_disks", "", disk_cids=[cid, "gone"])
    assert outcome.result == f"orphaned disk(s) {cid}, gone deleted"
    assert f"Deleting orphaned disks: Deleting orphaned disk {cid}" in web.steps()
    assert web.store.disks.get(cid=cid) is None
    assert not in_cloud(web, cid)


async def test_jobs_that_run_keep_an_orphan_until_they_stop(web: Director) -> None:
    cid = disk_of(web).cid
    await web.task("orphan_disk", "", disk_cid=cid)
    assert attached(web) == [cid]
    assert web.methods() == []


async def test_orphaning_what_nobody_has(web: Director) -> None:
    outcome = await web.task("orphan_disk", "", disk_cid="nope")
    assert outcome.result == "disk nope orphaned"
    assert warnings(web) == ["Disk nope does not exist. Orphaning is skipped"]


async def test_an_orphans_snapshots_stay_with_it(web: Director) -> None:
    await web.task("create_snapshot", "dep", instance=instance(web).uuid)
    await web.task("orphan_disk", "", disk_cid=disk_of(web).cid)
    await web.task("delete_deployment_snapshots", "dep")
    assert web.store.snapshots.count() == 1


# --- attaching


async def test_an_orphan_is_adopted_by_a_stopped_instance(web: Director) -> None:
    await states(web, "stopped", 0)
    await states(web, "stopped", 1)
    other, mine = disk_of(web, 1).cid, disk_of(web).cid
    await web.task("create_snapshot", "dep", instance=instance(web, 1).uuid)
    await web.task("orphan_disk", "", disk_cid=other)
    web.fleet.calls.clear()
    outcome = await attach(web, other)
    target = f"web/{instance(web).uuid}"
    assert outcome.result == f"attached disk '{other}' to '{target}' in deployment 'dep'"
    disk = disk_of(web)
    assert (disk.cid, disk.size_mb, disk.active, disk.instance_name) == (other, 1024, True, target)
    assert attached(web) == [other]
    assert [method for method in web.methods() if "disk" in method] == [
        "list_disk",
        "unmount_disk",
        "remove_persistent_disk",
        "add_persistent_disk",
        "mount_disk",
    ]
    old = web.store.disks.get(cid=mine)
    assert old is not None
    assert old.orphaned_at is not None
    assert web.store.snapshots.list(disk_cid=other)[-1].instance_uuid == instance(web).uuid


async def test_a_detached_instance_gets_it_with_its_next_vm(web: Director) -> None:
    await states(web, "detached")
    cid = disk_of(web).cid
    await web.task("orphan_disk", "", disk_cid=cid)
    assert (await attach(web, cid)).state == "done"
    assert web.methods() == []
    await states(web, "started")
    assert attached(web) == [cid]
    assert web.store.disks.count(orphaned_at=None) == 2


async def test_a_disk_the_director_never_made(web: Director) -> None:
    await states(web, "detached")
    assert (await attach(web, "by-hand", disk_properties="copy")).state == "done"
    assert (disk_of(web).cid, disk_of(web).size_mb) == ("by-hand", 1024)
    assert (await attach(web, "another")).state == "done"
    assert (disk_of(web).cid, disk_of(web).size_mb) == ("another", 1)


async def test_attaching_may_be_repeated(web: Director) -> None:
    await states(web, "stopped")
    cid = disk_of(web).cid
    assert (await attach(web, cid)).state == "done"
    assert (disk_of(web).cid, attached(web)) == (cid, [cid])


async def test_what_cannot_be_attached(web: Director) -> None:
    assert (await attach(web, "x")).result.endswith("must be in 'bosh stopped' state")
    assert code(web) == 520003
    assert (await attach(web, "x", instance="nobody")).result == (
        "Instance 'web/nobody' in deployment 'dep' was not found"
    )
    assert code(web) == 520001
    await states(web, "stopped")
    outcome = await attach(web, disk_of(web, 1).cid)
    assert outcome.result.startswith(f"Disk '{disk_of(web, 1).cid}' belongs to instance 'web/{instance(web, 1).uuid}'")
    web.store.instances.update(instance(web).id, ignored=True)
    assert "is in 'ignore' state" in (await attach(web, "x")).result


# --- VMs and networks


async def test_deleting_a_vm_by_its_name(web: Director) -> None:
    (vm,) = web.store.vms.list(instance_uuid=instance(web).uuid)
    outcome = await web.task("delete_vm", "dep", vm_cid=vm.cid)
    assert outcome.result == f"vm {vm.cid} deleted"
    assert web.steps() == [f"Delete VM: {vm.cid}"]
    assert vm.cid not in web.vms()
    assert web.store.vms.get(cid=vm.cid) is None
    began, ended = web.store.events.list(action="delete", object_type="vm")[-2:]
    assert (began.object_name, began.instance) == (vm.cid, f"web/{instance(web).uuid}")
    assert ended.parent_id == began.id
    assert (await web.deploy(manifest(2, disk="disk"))).state == "done"
    assert len(web.vms()) == 2


async def test_deleting_a_vm_that_nobody_remembers(web: Director) -> None:
    (vm,) = web.store.vms.list(instance_uuid=instance(web).uuid)
    web.store.vms.delete(cid=vm.cid)
    assert (await web.task("delete_vm", "", vm_cid=vm.cid)).state == "done"
    assert vm.cid not in web.vms()


async def test_a_vm_that_the_cloud_does_not_delete_stays_remembered(web: Director) -> None:
    (vm,) = web.store.vms.list(instance_uuid=instance(web).uuid)
    order_fault(web.cloud, "delete_vm", kind="Bosh::Clouds::CloudError", times=1)
    assert (await web.task("delete_vm", "dep", vm_cid=vm.cid)).state == "error"
    assert web.store.vms.get(cid=vm.cid) is not None
    order_fault(web.cloud, "delete_vm", kind="Bosh::Clouds::VMNotFound", times=1)
    assert (await web.task("delete_vm", "dep", vm_cid=vm.cid)).state == "done"
    assert warnings(web) == [f"VM {vm.cid} does not exist. Deletion is skipped"]
    assert web.store.vms.get(cid=vm.cid) is None


async def test_there_are_no_orphaned_networks(web: Director) -> None:
    outcome = await web.task("delete_orphan_networks", "", networks=["private"])
    assert outcome.result == "Deleting non-existing network private"
    assert code(web) == 16012
