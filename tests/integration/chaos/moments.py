"""Moments at which to kill, and what must be true of the killed task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bosh.testing.daemon import until

from .conftest import Estate


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


def begin_and_reach(estate: Estate, moment: Moment, begin: Callable[[], int]) -> int:
    """Begin a task and wait until it is at the moment; the task."""
    has_come = moment.arm(estate)
    task_id = begin()
    until(lambda: has_come() or _over(estate, task_id))
    assert has_come(), f"the task ended before: {estate.director.output(task_id)}"
    return task_id


def kill_at(estate: Estate, moment: Moment, begin: Callable[[], int]) -> int:
    """Begin a task and kill its worker at the moment; the task."""
    task_id = begin_and_reach(estate, moment, begin)
    estate.kill_worker(task_id)
    return task_id


def _over(estate: Estate, task_id: int) -> bool:
    return estate.director.task(task_id)["state"] not in {"queued", "processing"}


def ended_truthfully(estate: Estate, task_id: int) -> None:
    task = estate.director.finished(task_id, within_s=5)
    assert task["state"] == "error"
    assert "worker process that ran it died" in estate.director.errors(task_id)[-1]["message"]
    with estate.director.client() as client:
        assert client.get("/locks").json() == []
