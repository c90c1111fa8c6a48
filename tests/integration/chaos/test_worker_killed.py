"""``kill -9`` of the worker, at every kind of moment: the task ends truthfully, the next one converges, everything has an owner."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bosh.testing.daemon import until

from .conftest import Estate, manifest


@dataclass(frozen=True)
class Moment:
    """A call that is held when the worker dies: of a CPI before or after its effect, or of an agent."""

    method: str
    after: bool = False
    agent: bool = False
    contains: str = ""

    def __str__(self) -> str:
        side = "asked-of-agent" if self.agent else "after" if self.after else "before"
        about = self.contains.strip('"')
        return f"{side}-{self.method}{'-' if about else ''}{about}"

    def arm(self, estate: Estate) -> Callable[[], bool]:
        """Have it held; tells whether the moment has come."""
        if self.agent:
            return estate.fleet.hold(self.method).is_set
        estate.director.fault(self.method, hold=True, after_effect=self.after, times=1, contains=self.contains)
        return (estate.director.cloud / "held" / self.method).exists

    def release(self, estate: Estate) -> None:
        """The CPI's program, if it still lives, goes on."""
        (estate.director.cloud / "held" / self.method).unlink(missing_ok=True)
        estate.director.no_fault(self.method)


def kill_at(estate: Estate, moment: Moment, begin: Callable[[], int]) -> int:
    """Begin a task and kill its worker at the moment; the task."""
    director = estate.director
    has_come = moment.arm(estate)
    task_id = begin()
    until(lambda: has_come() or _over(estate, task_id))
    assert has_come(), f"the task ended before: {director.output(task_id)}"
    os.kill(director.worker_of(task_id), signal.SIGKILL)
    return task_id


def _over(estate: Estate, task_id: int) -> bool:
    return estate.director.task(task_id)["state"] not in {"queued", "processing"}


def ended_truthfully(estate: Estate, task_id: int) -> None:
    task = estate.director.finished(task_id, within_s=5)
    assert task["state"] == "error"
    assert "worker process that ran it died" in estate.director.errors(task_id)[-1]["message"]
    with estate.director.client() as client:
        assert client.get("/locks").json() == []


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
    name = f"first{estate.director.folder.stat().st_ino}-{FRESH.index(moment)}"
    text = manifest(name, release=estate.new_release())
    task_id = kill_at(estate, moment, lambda: estate.director.deploy(text))
    ended_truthfully(estate, task_id)
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()
