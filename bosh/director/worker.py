"""A worker process: claims queued tasks and runs them, one at a time, in one event loop.

It talks with the daemon over one socket, a JSON object per line. Daemon to worker: ``{"wake":true}``, ``{"cancel":ID}``,
``{"abort":REASON}``, ``{"synced":N,"error":S}``. Worker to daemon: ``{"busy":true|false}``, ``{"sync_bus":N}``. The end of the stream means that the other side is
gone; a worker whose daemon is gone stops its task and exits, so that never two directors act for one task.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.director import log, places
from bosh.director.config import Config
from bosh.director.tasks.runner import Runner
from bosh.director.world import Circumstances, MakeWorld
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds
from bosh.wire.errors import SystemFailure

# How long a task's body may take to let go after the director's death or order to stop.
LET_GO_S = 8.0

# A worker looks at the queue this often even if nobody wakes it: a lost wake-up costs seconds, not forever.
_LOOK_S = 15.0

# A spare worker without work stays this long: the next command of the same person finds it warm.
_SPARE_STAYS_S = 60.0

# What a large task needed stays with the process for ever. One that has grown by so much makes place for a fresh one when it is idle for
# a while; a deployment of ten instances takes a third of it.
_GROWN_BYTES = 6 * 1024 * 1024
_GROWN_STAYS_S = 10.0


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is for."""

    name: str
    queues: tuple[str, ...]
    is_spare: bool
    """It leaves when there is nothing to do for a while."""


class Worker:
    def __init__(self, post: Post, config: Config, director_uuid: str, make_world: MakeWorld) -> None:
        self._post = post
        self._store = SqlStore(places.database_url(config))
        self._clock = SystemClock()
        here = Circumstances(config, director_uuid, self._store, self._clock, SystemIds())
        self._world = make_world(here)
        self._runner = Runner(here, places.places(config), self._world, sync_bus=self.sync_bus)
        self._wake = asyncio.Event()
        self._closing = False
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._born_bytes = own_bytes()

    async def run(self, connection: socket.socket) -> None:
        """Until the daemon says so or is gone."""
        reader, self._writer = await asyncio.open_connection(sock=connection)
        working = asyncio.create_task(self._work())
        listening = asyncio.create_task(self._listen(reader))
        await asyncio.wait([working, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            _, late = await asyncio.wait([working], timeout=LET_GO_S)
            if late:
                log.line("worker_gave_up", worker=self._post.name, task=self._runner.task_id)
                os._exit(1)
        listening.cancel()
        await working
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._world.close(), LET_GO_S)
        self._store.close()

    async def sync_bus(self) -> None:
        """Ask the daemon to tell the bus who may connect. Raises SystemFailure when it could not."""
        if self._closing:
            raise SystemFailure("cannot update the bus's users", details="the director ends")
        number = next(self._numbers)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._syncs[number] = future
        try:
            self._send({"sync_bus": number})
            await future
        finally:
            del self._syncs[number]

    async def _work(self) -> None:
        idle_since_s = self._clock.monotonic_s()
        while not self._closing:
            task = self._store.claim_task(self._post.queues, self._post.name, self._clock.now())
            if task is not None:
                await self._run(task)
                idle_since_s = self._clock.monotonic_s()
            elif self._may_leave(self._clock.monotonic_s() - idle_since_s):
                return
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _LOOK_S)
                self._wake.clear()

    def _may_leave(self, idle_s: float) -> bool:
        if self._post.is_spare:
            return idle_s > _SPARE_STAYS_S
        return idle_s > _GROWN_STAYS_S and own_bytes() - self._born_bytes > _GROWN_BYTES

    async def _run(self, task: records.Task) -> None:
        self._send({"busy": True})
        log.line("task_started", task=task.id, type=task.type, worker=self._post.name)
        outcome = await self._runner.run(task)
        log.line("task_ended", task=task.id, state=outcome.state, worker=self._post.name)
        self._send({"busy": False})

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self._hear(json.loads(line))
            if self._closing:
                return
        self._close("the director's process died")

    def _hear(self, message: dict[str, Any]) -> None:
        if "wake" in message:
            self._wake.set()
        elif "cancel" in message:
            self._runner.cancel(message["cancel"])
        elif "abort" in message:
            self._close(message["abort"])
        elif "synced" in message:
            self._synced(message["synced"], message.get("error", ""))

    def _close(self, reason: str) -> None:
        self._closing = True
        self._runner.abort(reason)
        self._wake.set()
        for future in self._syncs.values():
            if not future.done():
                future.set_exception(SystemFailure("cannot update the bus's users", details=reason))

    def _synced(self, number: int, error: str) -> None:
        future = self._syncs.get(number)
        if future is None or future.done():
            return
        if error:
            future.set_exception(SystemFailure("cannot update the bus's users", details=error))
        else:
            future.set_result(None)

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")


def own_bytes() -> int:
    """Memory of this process that is no file's."""
    _total, resident, of_files, *_ = Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(of_files)) * os.sysconf("SC_PAGE_SIZE")


def serve(connection: socket.socket, post: Post, config: Config, director_uuid: str, make_world: MakeWorld) -> None:
    """The whole life of a worker process."""

    async def live() -> None:
        await Worker(post, config, director_uuid, make_world).run(connection)

    asyncio.run(live())
