"""``kill -9`` of a worker and of the director on real VMs: the task ends truthfully, the same command then does the rest."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from bosh.local import services
from bosh.local.home import Home
from bosh.testing.environment import LocalEnvironment, wait_until


def last_task(environment: LocalEnvironment) -> int:
    rows = environment.rows("tasks", "--recent=1", "--all")
    return int(re.sub(r"\D", "", rows[0]["id"]))


def worker_of(environment: LocalEnvironment, task_id: int) -> int:
    """The process that runs a task, as its debug output says."""
    debug = (environment.root / "director/tasks" / str(task_id) / "debug").read_text()
    match = re.search(r"#(\d+)\]", debug)
    assert match
    return int(match[1])


def director_pid(environment: LocalEnvironment) -> int:
    home = Home(environment.root, IPv4Network(environment.network), environment.port, environment.alias)
    match = re.search(r"pid (\d+)", services.states(home).get("director", ""))
    return int(match[1]) if match else 0


def cids(environment: LocalEnvironment) -> set[str]:
    return {vm["cid"] for vm in environment.vms()}


def disks(environment: LocalEnvironment) -> set[str]:
    return {disk["cid"] for disk in environment.cloud()["disks"]}


def outcome(environment: LocalEnvironment, task_id: int) -> str:
    return environment.run("task", str(task_id)).text


def begin(environment: LocalEnvironment, *words: str) -> tuple[subprocess.Popen[str], int]:
    """A command that makes a task, and the task's number."""
    before = last_task(environment)
    running = environment.start(*words)
    wait_until(lambda: last_task(environment) > before, within_s=30, what="the task is there")
    return running, last_task(environment)


def kill_when(moment: Callable[[], bool], pid: Callable[[], int], *, what: str) -> None:
    wait_until(moment, within_s=90, what=what, every_s=0.02)
    os.kill(pid(), signal.SIGKILL)


def test_a_worker_killed_while_a_vm_is_deleted(environment: LocalEnvironment) -> None:
    before = cids(environment)
    running, task_id = begin(environment, "-d", "nats", "recreate", "nats/0")
    kill_when(lambda: cids(environment) != before, lambda: worker_of(environment, task_id), what="a VM is going")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "worker process that ran it died" in out
    assert "error" in outcome(environment, task_id)
    environment.must("-d", "nats", "recreate", "nats/0")


def test_a_director_killed_while_a_vm_is_made(environment: LocalEnvironment) -> None:
    """supervisord starts it again by itself."""
    before = cids(environment)
    running, task_id = begin(environment, "-d", "nats", "recreate", "nats/1")
    old = director_pid(environment)
    kill_when(lambda: bool(cids(environment) - before), lambda: old, what="a new VM is there")
    running.communicate(timeout=120)
    assert running.returncode != 0
    wait_until(lambda: director_pid(environment) not in {0, old}, within_s=60, what="supervisord has started it")
    wait_until(lambda: environment.run("environment").code == 0, within_s=60, what="the director answers")
    assert "the director's process died" in outcome(environment, task_id)
    environment.must("-d", "nats", "recreate", "nats/1")


def test_a_worker_killed_while_a_disk_is_replaced(environment: LocalEnvironment, manifest: Path) -> None:
    """The half made disk is orphaned, the old one's content is on the new one in the end."""
    environment.must("-d", "nats", "ssh", "nats/2", "-c", "sudo sh -c 'echo kept > /var/vcap/store/crash; sync'")
    text = manifest.read_text()
    assert "persistent_disk" in text, text
    larger = environment.home / "larger.yml"
    larger.write_text(re.sub(r"persistent_disk(?:_type)?: \S+", "persistent_disk: 200", text))
    known = disks(environment)
    running, task_id = begin(environment, "-d", "nats", "deploy", str(larger))
    kill_when(
        lambda: bool(disks(environment) - known),
        lambda: worker_of(environment, task_id),
        what="a new disk is there",
    )
    running.communicate(timeout=60)
    assert running.returncode == 1
    try:
        environment.must("-d", "nats", "deploy", str(larger), timeout_s=300)
        (row,) = environment.rows(
            "-d", "nats", "ssh", "nats/2", "-r", "-c", "cat /var/vcap/store/crash; lsblk >/dev/null; true"
        )
        assert row["stdout"].strip() == "kept"
        remembered = {row["disk_cids"] for row in environment.rows("-d", "nats", "instances", "--details")} - {""}
        orphaned = {row["disk_cid"] for row in environment.rows("disks", "--orphaned")}
        assert disks(environment) == remembered | orphaned
    finally:
        environment.must("-d", "nats", "deploy", str(manifest), timeout_s=300)


def test_nothing_is_left_in_the_cloud_that_the_director_does_not_know(environment: LocalEnvironment) -> None:
    known = json.dumps(environment.rows("-d", "nats", "instances", "--details"))
    known += json.dumps(environment.rows("disks", "--orphaned"))
    cloud = environment.cloud()
    assert [vm["cid"] for vm in cloud["vms"] if vm["cid"] not in known] == []
    assert [disk["cid"] for disk in cloud["disks"] if disk["cid"] not in known] == []
