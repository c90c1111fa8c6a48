"""What keeps jobs' processes running, as the actions see it (bosh-agent: jobsupervisor/job_supervisor_interface.go)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bosh.wire.heartbeat import Process


class Supervisor(Protocol):
    """Everything raises BoshError when the supervisor does not answer or does not do it."""

    async def reload(self) -> None:
        """Have it read the job files anew; returns when it has."""
        ...

    async def resume(self) -> None:
        """After a boot, and whenever the agent starts: have the jobs run, or not, as they last should."""
        ...

    async def start(self) -> None:
        """Start and monitor all jobs; returns when that is accepted."""
        ...

    async def stop(self) -> None:
        """Ask all jobs to stop."""
        ...

    async def stop_and_wait(self) -> None:
        """Stop all jobs and wait until they are."""
        ...

    async def unmonitor(self) -> None:
        """Let processes end without being started again; start and stop work as before."""
        ...

    async def status(self) -> str:
        """``running``, ``failing``, ``starting``, ``stopped`` or, when it cannot be asked, ``unknown``."""
        ...

    async def processes(self) -> Sequence[Process]: ...

    async def add_job(self, name: str, index: int, file: Path) -> None:
        """Take over a job's monit file; ``index`` gives the order."""
        ...

    async def remove_all_jobs(self) -> None: ...
