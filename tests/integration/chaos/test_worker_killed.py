"""``kill -9`` of the worker, at every kind of moment: the task ends truthfully, the next one converges, everything has an owner."""

from __future__ import annotations

import pytest

from bosh.testing import archives
from bosh.testing.daemon import task_of, until

from .conftest import Estate, manifest, web_release
from .moments import Moment, ended_truthfully, kill_at

FRESH = [
    Moment("create_vm", contains="compilation"),
    Moment("create_vm", after=True, contains="compilation"),
    Moment("compile_package", agent=True),
    Moment("delete_vm"),
    Moment("delete_vm", after=True),
    Moment("create_vm", contains='"api"'),
    Moment("create_vm", after=True, contains='"db"'),
    Moment("set_vm_metadata"),
    Moment("ping", agent=True),
    Moment("create_disk"),
    Moment("create_disk", after=True),
    Moment("attach_disk"),
    Moment("attach_disk", after=True),
    Moment("set_disk_metadata"),
    Moment("mount_disk", agent=True),
    Moment("update_settings", agent=True),
    Moment("apply", agent=True),
    Moment("run_script", agent=True),
    Moment("start", agent=True),
    Moment("sync_dns", agent=True),
]


@pytest.mark.parametrize("moment", FRESH, ids=str)
def test_a_first_deploy(estate: Estate, moment: Moment) -> None:
    text = manifest(estate.new_name("first"), release=estate.new_release())
    task_id = kill_at(estate, moment, lambda: estate.director.deploy(text))
    ended_truthfully(estate, task_id)
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()


@pytest.mark.parametrize("method", ["create_vm", "create_disk"])
def test_a_cloud_that_ends_its_work_long_after_its_director_died(estate: Estate, method: str) -> None:
    """The next deploy waits for it, or there would be something that nobody knows."""
    moment = Moment(method, contains='"db"' if method == "create_vm" else "")
    text = manifest(estate.new_name("late"))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    again = estate.director.deploy(text)
    until(lambda: f"Waiting for the cloud to end {method}" in estate.director.output(again))
    moment.release(estate)
    estate.succeeds(again)
    estate.nothing_is_unowned()


def test_another_deployment_does_not_wait_for_such_a_cloud(estate: Estate) -> None:
    moment = Moment("create_vm", contains='"db"')
    text = manifest(estate.new_name("stuck"))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    estate.deployed(manifest(estate.new_name("other")))
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()


UPDATE = [
    Moment("drain", agent=True),
    Moment("stop", agent=True),
    Moment("create_disk", after=True),
    Moment("attach_disk", after=True),
    Moment("migrate_disk", agent=True),
    Moment("unmount_disk", agent=True),
    Moment("detach_disk"),
    Moment("detach_disk", after=True),
    Moment("apply", agent=True),
]


@pytest.mark.parametrize("moment", UPDATE, ids=str)
def test_an_update_with_larger_disks(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("larger")
    estate.deployed(manifest(name, instances=1))
    text = manifest(name, instances=1, disk="large", port=81)
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()
    assert estate.active_disks(name) == [2048]


RECREATE = [
    Moment("detach_disk", after=True),
    Moment("delete_vm"),
    Moment("delete_vm", after=True),
    Moment("create_vm"),
    Moment("create_vm", after=True),
    Moment("attach_disk"),
    Moment("mount_disk", agent=True),
]


@pytest.mark.parametrize("moment", RECREATE, ids=str)
def test_a_recreation_keeps_its_disks(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("again")
    text = manifest(name, instances=1)
    estate.deployed(text)
    disks = estate.disk_cids(name)
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text, recreate="true")))
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()
    assert estate.disk_cids(name) == disks


@pytest.mark.parametrize("moment", [Moment("create_vm", after=True), Moment("delete_vm", after=True)], ids=str)
def test_a_single_instance_that_is_recreated(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("single")
    estate.deployed(manifest(name, instances=1))
    path = f"/deployments/{name}/instance_groups/db/{estate.instance(name, 'db').uuid}/actions/recreate"

    def recreate() -> int:
        with estate.director.client() as client:
            return task_of(client.post(path))

    ended_truthfully(estate, kill_at(estate, moment, recreate))
    moment.release(estate)
    estate.succeeds(recreate())
    estate.nothing_is_unowned()


@pytest.mark.parametrize(
    "moment",
    [Moment("drain", agent=True), Moment("delete_vm"), Moment("delete_vm", after=True)],
    ids=str,
)
def test_scaling_down(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("fewer")
    estate.deployed(manifest(name, instances=3))
    text = manifest(name, instances=1)
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()
    assert len(estate.active_disks(name)) == 1


@pytest.mark.parametrize(
    "moment",
    [Moment("drain", agent=True), Moment("delete_vm"), Moment("delete_vm", after=True)],
    ids=str,
)
def test_deleting_a_deployment(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("gone")
    estate.deployed(manifest(name))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.delete(name)))
    moment.release(estate)
    estate.succeeds(estate.delete(name))
    estate.nothing_is_unowned()
    with estate.director.store() as store:
        assert store.deployments.get(name=name) is None
        assert store.instances.count(deployment=name) == store.vms.count(deployment=name) == 0


def test_deleting_a_deployment_whose_first_deploy_was_killed(estate: Estate) -> None:
    name = estate.new_name("never")
    moment = Moment("create_vm", after=True, contains='"db"')
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(manifest(name))))
    moment.release(estate)
    estate.succeeds(estate.delete(name))
    estate.nothing_is_unowned()


ERRAND = [Moment("create_vm", after=True), Moment("run_errand", agent=True), Moment("delete_vm", after=True)]


@pytest.mark.parametrize("moment", ERRAND, ids=str)
def test_an_errand(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("errand")
    estate.deployed(manifest(name, instances=1, errand=True))

    def run() -> int:
        with estate.director.client() as client:
            return task_of(client.post(f"/deployments/{name}/errands/smoke/runs", json={}))

    ended_truthfully(estate, kill_at(estate, moment, run))
    moment.release(estate)
    estate.succeeds(run())
    estate.nothing_is_unowned()


@pytest.mark.parametrize("moment", [Moment("delete_vm"), Moment("create_vm"), Moment("create_vm", after=True)], ids=str)
def test_bringing_a_lost_instance_back(estate: Estate, moment: Moment) -> None:
    name = estate.new_name("lost")
    estate.deployed(manifest(name, instances=1))
    lost = estate.instance(name, "api")
    estate.lose_vm(lost)

    def mend() -> int:
        with estate.director.client() as client:
            body = {"jobs": {"api": [lost.uuid]}}
            return task_of(client.put(f"/deployments/{name}/scan_and_fix", json=body))

    ended_truthfully(estate, kill_at(estate, moment, mend))
    moment.release(estate)
    estate.succeeds(mend())
    estate.nothing_is_unowned()


@pytest.mark.parametrize("moment", [Moment("create_stemcell"), Moment("create_stemcell", after=True)], ids=str)
def test_uploading_a_stemcell(estate: Estate, moment: Moment) -> None:
    archive = archives.stemcell(estate.director.folder, estate.new_name("9."))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.upload("/stemcells", archive)))
    moment.release(estate)
    estate.upload("/stemcells", archive)
    estate.nothing_is_unowned()


def test_uploading_a_release(estate: Estate) -> None:
    """Killed as soon as its first step is over: its blobs are being stored."""
    estate.versions += 1
    archive = web_release(estate.director.folder, str(estate.versions))
    director = estate.director
    task_id = director.upload("/releases", archive)
    until(lambda: "Creating new packages" in director.output(task_id) or director.task(task_id)["state"] == "done")
    estate.kill_worker(task_id)
    task = director.finished(task_id)
    assert task["state"] in {"done", "error"}
    estate.upload("/releases", archive)
    with director.client() as client:
        estate.succeeds(task_of(client.post("/cleanup", json={"config": {"remove_all": False}})))
    estate.nothing_is_unowned()
