"""``instance/health.json``, which bosh-dns reads: a supervisor that also writes down how its jobs are (wrapper_job_supervisor.go)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bosh.agent.supervise.contract import Supervisor
from bosh.system.files import write_atomically
from bosh.wire.heartbeat import Process


class HealthRecorder:
    """Passes everything on; after start, stop and unmonitor, and with each heartbeat, the state is recorded."""

    def __init__(self, inner: Supervisor, file: Path) -> None:
        self.inner = inner
        self._file = file

    def record(self, state: str) -> None:
        write_atomically(self._file, json.dumps({"state": state}).encode(), mode=0o644, durable=False)

    async def _record(self) -> None:
        self.record(await self.inner.status())

    async def reload(self) -> None:
        await self.inner.reload()

    async def resume(self) -> None:
        await self.inner.resume()

    async def start(self) -> None:
        await self.inner.start()
        await self._record()

    async def stop(self) -> None:
        await self.inner.stop()
        await self._record()

    async def stop_and_wait(self) -> None:
        await self.inner.stop_and_wait()
        await self._record()

    async def unmonitor(self) -> None:
        await self.inner.unmonitor()
        await self._record()

    async def status(self) -> str:
        return await self.inner.status()

    async def processes(self) -> Sequence[Process]:
        return await self.inner.processes()

    async def add_job(self, name: str, index: int, file: Path) -> None:
        await self.inner.add_job(name, index, file)

    async def remove_all_jobs(self) -> None:
        await self.inner.remove_all_jobs()
