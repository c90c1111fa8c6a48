"""A supervisor without processes, for tests and simulations (bosh-agent: jobsupervisor/dummy_nats_job_supervisor.go).

What it reports is set over the bus: ``set_dummy_status {"status": "running|failing|stopped|fail_task"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bosh.wire.errors import BoshError
from bosh.wire.heartbeat import FAILING, RUNNING, STOPPED, Process

FAIL_TASK = "fail_task"


class DummySupervisor:
    def __init__(self, processes: Sequence[Process] = ()) -> None:
        self.state = RUNNING
        self.jobs: dict[str, Path] = {}
        self.reloads = 0
        self._processes = tuple(processes)

    async def reload(self) -> None:
        self.reloads += 1

    async def resume(self) -> None:
        pass

    async def start(self) -> None:
        if self.state == FAIL_TASK:
            raise BoshError("fake-task-fail-error")
        if self.state != FAILING:
            self.state = RUNNING

    async def stop(self) -> None:
        if self.state not in {FAILING, FAIL_TASK}:
            self.state = STOPPED

    async def stop_and_wait(self) -> None:
        await self.stop()

    async def unmonitor(self) -> None:
        pass

    async def status(self) -> str:
        return self.state

    async def processes(self) -> Sequence[Process]:
        return self._processes

    async def add_job(self, name: str, index: int, file: Path) -> None:
        self.jobs[f"{index:04d}_{name}"] = file

    async def remove_all_jobs(self) -> None:
        self.jobs.clear()


def three_processes() -> tuple[Process, ...]:
    """What ``-M dummy-nats`` reports in the original."""
    return (
        Process("process-1", RUNNING, 144987, 100, 0.1, 0.1),
        Process("process-2", RUNNING, 144988, 200, 0.2, 0.2),
        Process("process-3", FAILING, 144989, 300, 0.3, 0.3),
    )
