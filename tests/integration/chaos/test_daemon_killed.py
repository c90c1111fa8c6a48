"""``kill -9`` of the daemon: its workers go with it, and the next daemon tells the truth and goes on."""

from __future__ import annotations

import signal

import pytest

from bosh.testing import archives
from bosh.testing.daemon import alive, until

from .conftest import Estate, manifest
from .moments import Moment, begin_and_reach

MOMENTS = [
    Moment("create_vm", contains="compilation"),
    Moment("compile_package", agent=True),
    Moment("create_vm", after=True, contains='"db"'),
    Moment("create_disk", after=True),
    Moment("attach_disk"),
    Moment("apply", agent=True),
]


def crash(estate: Estate, moment: Moment, task_id: int) -> None:
    """Kill the daemon, let the cloud go on, and start the next daemon."""
    director = estate.director
    below = director.children()
    workers = [pid for pid, name in below.items() if name.startswith("bosh-")]
    director.stop(signal.SIGKILL)
    moment.release(estate)
    director.start()
    assert not any(alive(pid) for pid in workers), "no worker of the old daemon may act beside the new one"
    task = director.task(task_id)
    assert task["state"] == "error"
    assert "the director's process died" in director.errors(task_id)[-1]["message"]
    with director.client() as client:
        assert client.get("/locks").json() == []


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_deploy(estate: Estate, moment: Moment) -> None:
    text = manifest(estate.new_name("crash"), instances=1, release=estate.new_release())
    task_id = begin_and_reach(estate, moment, lambda: estate.director.deploy(text))
    crash(estate, moment, task_id)
    estate.deployed(text)
    estate.nothing_is_unowned()


def test_deleting_a_deployment(estate: Estate) -> None:
    name, moment = estate.new_name("crash"), Moment("delete_vm", after=True)
    estate.deployed(manifest(name, instances=1))
    crash(estate, moment, begin_and_reach(estate, moment, lambda: estate.delete(name)))
    estate.succeeds(estate.delete(name))
    estate.nothing_is_unowned()


def test_uploading_a_stemcell(estate: Estate) -> None:
    moment = Moment("create_stemcell", after=True)
    archive = archives.stemcell(estate.director.folder, estate.new_name("8."))
    crash(estate, moment, begin_and_reach(estate, moment, lambda: estate.director.upload("/stemcells", archive)))
    estate.upload("/stemcells", archive)
    estate.nothing_is_unowned()


def test_what_waits_in_the_queue_is_done_afterwards(estate: Estate) -> None:
    moment = Moment("create_vm", contains='"db"')
    first, second = manifest(estate.new_name("queue")), manifest(estate.new_name("queue"))
    task_id = begin_and_reach(estate, moment, lambda: estate.director.deploy(first))
    waiting = estate.director.deploy(second)
    until(lambda: estate.director.task(waiting)["state"] == "queued")
    crash(estate, moment, task_id)
    estate.succeeds(waiting)
    estate.deployed(first)
    estate.nothing_is_unowned()
