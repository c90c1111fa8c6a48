"""The daemon as a whole: tasks in worker processes, cancelling, and every way to die."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.director import archives
from tests.integration.director.conftest import Director, alive, task_of, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def errors(director: Director, task_id: int) -> list[str]:
    lines = [json.loads(line) for line in director.output(task_id).splitlines()]
    return [line["error"]["message"] for line in lines if "error" in line]


def stuck_upload(director: Director, tmp_path: Path, *, delay_s: float = 60) -> int:
    """A stemcell upload that hangs in the cloud."""
    director.fault("create_stemcell", delay_s=delay_s)
    task_id = director.upload("/stemcells", archives.stemcell(tmp_path))
    until(lambda: "Uploading stemcell" in director.output(task_id))
    return task_id


def worker_of(director: Director) -> int:
    """Pid of the worker that runs a CPI program."""

    def parents_of_programs() -> list[int]:
        return [parent_of(pid) for pid, name in director.children().items() if not name.startswith("bosh-")]

    found: list[int] = until(parents_of_programs)
    return found[0]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_uploaded_release_is_listed_and_uploading_it_again_changes_nothing(
    director: Director, tmp_path: Path
) -> None:
    archive = archives.release(tmp_path)
    task = director.finished(director.upload("/releases", archive))
    assert (task["state"], task["result"]) == ("done", "Created release 'sample/1'")
    blobs = sorted(path.name for path in (director.folder / "state/blobs").glob("??/*"))
    assert director.finished(director.upload("/releases", archive))["state"] == "done"
    assert sorted(path.name for path in (director.folder / "state/blobs").glob("??/*")) == blobs
    with director.client() as client:
        (release,) = client.get("/releases").json()
        assert [each["version"] for each in release["release_versions"]] == ["1"]
    assert list((director.folder / "state/uploads").iterdir()) == []
    assert list((director.folder / "state/work").iterdir()) == []


def test_a_release_of_another_digest_is_refused_and_leaves_nothing(director: Director, tmp_path: Path) -> None:
    archive = archives.release(tmp_path)
    body = {"location": archive.as_uri(), "sha1": "0" * 40}
    with director.client() as client:
        task = director.finished(task_of(client.post("/releases", json=body)))
        assert (task["state"], client.get("/releases").json()) == ("error", [])
    assert json.loads(director.output(task["id"]).splitlines()[-1])["error"]["code"] == 30015
    assert list((director.folder / "state/blobs").glob("??/*")) == []


def test_a_stemcell_goes_to_the_cloud_once(director: Director, tmp_path: Path) -> None:
    archive = archives.stemcell(tmp_path)
    wanted = {"stemcell": {"name": "bosh-fake", "version": "1.2"}}
    with director.client() as client:
        assert client.post("/stemcell_uploads", json=wanted).json() == {"needed": True}
        assert director.finished(director.upload("/stemcells", archive))["state"] == "done"
        assert client.post("/stemcell_uploads", json=wanted).json() == {"needed": False}
        (stemcell,) = client.get("/stemcells").json()
    assert director.finished(director.upload("/stemcells", archive))["state"] == "done"
    assert [path.name for path in (director.cloud / "stemcells").iterdir()] == [f"{stemcell['cid']}.json"]


def test_a_stemcell_that_no_cloud_takes_is_an_error(director: Director, tmp_path: Path) -> None:
    archive = archives.stemcell(tmp_path, formats=("aws-raw",))
    task = director.finished(director.upload("/stemcells", archive))
    assert task["state"] == "error"
    assert "aws-raw" in errors(director, task["id"])[0]


def test_cancelling_ends_a_running_task_at_once(director: Director, tmp_path: Path) -> None:
    task_id = stuck_upload(director, tmp_path)
    with director.client() as client:
        assert client.get("/locks").json()[0]["task_id"] == str(task_id)
        assert client.delete(f"/task/{task_id}").status_code == 204
        # A CPI program gets some seconds to finish what it does.
        task = until(lambda: (task := director.task(task_id))["timestamp"] and task, within_s=8)
        assert task["state"] == "cancelled"
        assert client.get("/locks").json() == []
        again = client.delete(f"/task/{task_id}")
        assert (again.status_code, again.text) == (400, f"Cannot cancel task {task_id}: invalid state (cancelled)")


def test_a_killed_worker_ends_its_task_truthfully_and_is_replaced(director: Director, tmp_path: Path) -> None:
    # The next task waits until the cloud has ended what the dead worker began.
    task_id = stuck_upload(director, tmp_path, delay_s=6)
    victim = worker_of(director)
    os.kill(victim, signal.SIGKILL)
    task = until(lambda: (task := director.task(task_id))["timestamp"] and task, within_s=3)
    assert task["state"] == "error"
    assert "worker process that ran it died" in errors(director, task_id)[-1]
    with director.client() as client:
        assert client.get("/locks").json() == []
    until(lambda: sum(name.startswith(("bosh-normal", "bosh-urgent")) for name in director.children().values()) == 2)
    director.no_fault("create_stemcell")
    assert director.finished(director.upload("/stemcells", archives.stemcell(tmp_path)))["state"] == "done"


def test_a_killed_daemon_takes_its_workers_along_and_the_next_one_says_so(director: Director, tmp_path: Path) -> None:
    task_id = stuck_upload(director, tmp_path)
    below = director.children()
    director.stop(signal.SIGKILL)
    director.start()
    assert not any(alive(pid) for pid in below), "the old processes must be gone before the new director acts"
    task = director.task(task_id)
    assert task["state"] == "error"
    assert "the director's process died" in errors(director, task_id)[-1]
    with director.client() as client:
        assert client.get("/locks").json() == []


def test_a_killed_nursery_ends_the_daemon_which_can_start_again(director: Director, tmp_path: Path) -> None:
    task_id = stuck_upload(director, tmp_path)
    below = director.children()
    nursery = next(pid for pid, name in below.items() if name == "bosh-nursery")
    os.kill(nursery, signal.SIGKILL)
    assert director.process is not None
    assert director.process.wait(20) == 1
    assert not any(alive(pid) for pid, name in below.items() if name.startswith("bosh-"))
    director.start()
    assert director.task(task_id)["state"] == "error"


def test_stopping_ends_everything_in_order(director: Director, tmp_path: Path) -> None:
    task_id = stuck_upload(director, tmp_path)
    below = director.children()
    assert director.stop() == 0
    assert not any(alive(pid) for pid in below)
    director.start()
    assert "the director was stopped" in errors(director, task_id)[-1]


def test_queued_tasks_survive_a_restart(director: Director, tmp_path: Path) -> None:
    director.fault("create_stemcell", delay_s=60)
    ids = [director.upload("/stemcells", archives.stemcell(tmp_path, f"1.{n}")) for n in range(3)]
    until(lambda: [director.task(each)["state"] for each in ids] == ["processing", "processing", "queued"])
    director.stop()
    director.no_fault("create_stemcell")
    director.start()
    assert director.finished(ids[2])["state"] == "done"


def test_tasks_start_quickly(director: Director, tmp_path: Path) -> None:
    # The slowest of several, with room for a busy machine: waking by a pipe takes a millisecond, polling would take seconds.
    for n in range(5):
        task_id = director.upload("/releases", archives.release(tmp_path, version=str(n), marker=str(n)))
        task = until(lambda task_id=task_id: (task := director.task(task_id))["timestamp"] and task, within_s=2)
        assert task["state"] == "done"


def test_a_port_that_is_taken_ends_the_start_with_a_reason(director: Director) -> None:
    director.stop()
    with socket.create_server(("127.0.0.1", director.config.port)), pytest.raises(AssertionError, match="part=api"):
        director.start()
    assert director.process is not None
    assert director.process.returncode == 1
    director.start()


def test_two_directors_do_not_share_a_state_dir(director: Director) -> None:
    assert "event=waiting" not in director.log
    command = [sys.executable, "-m", "bosh.director.main", "--config", str(director.folder / "director.yml")]
    with (director.folder / "log").open("ab") as stream:
        director.ends.append(subprocess.Popen(command, stdout=stream, stderr=stream))
    until(lambda: "event=waiting" in director.log)
    assert director.log.count("event=starting") == 1
    assert director.finished(director.upload("/releases", director.folder / "director.yml"))["state"] == "error"
