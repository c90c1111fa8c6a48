"""The daemon's side of the workers: hires them, wakes them, passes on cancellations, and buries what a dead one left."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from bosh.director import log
from bosh.system.clock import Clock

SyncBus = Callable[[], Awaitable[None]]
Died = Callable[[str], None]
"""Told the name of a worker process that is dead."""

# A worker that dies soon after its start is replaced slower and slower, so that a broken machine does not only fork.
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 10.0


class _Hired:
    def __init__(self, name: str, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.writer = writer

    def send(self, message: dict[str, Any]) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")


class Staff:
    """All workers of one director."""

    def __init__(self, nursery: socket.socket, clock: Clock, *, sync_bus: SyncBus, died: Died) -> None:
        nursery.setblocking(False)  # noqa: FBT003 - the library's signature
        self._nursery = nursery
        self._clock = clock
        self._sync_bus = sync_bus
        self._died = died
        self._hired: dict[str, _Hired] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        self._stopping = False
        self._errands: set[asyncio.Task[None]] = set()

    def open(self, queue: str, count: int) -> None:
        """Keep ``count`` workers for a queue."""
        for number in range(1, count + 1):
            self._keepers.append(asyncio.create_task(self._keep(f"{queue}-{number}", queue)))

    async def nursery_died(self) -> None:
        """Returns when the nursery process is gone."""
        loop = asyncio.get_running_loop()
        while await loop.sock_recv(self._nursery, 1):
            continue

    def wake(self) -> None:
        """Something is queued."""
        self._tell_all({"wake": True})

    def interrupt(self, task_id: int) -> None:
        """A task is to be cancelled; the worker that runs it knows."""
        self._tell_all({"cancel": task_id})

    async def stop(self, reason: str, *, within_s: float) -> None:
        """Have the workers abort their tasks and leave."""
        self._stopping = True
        self._tell_all({"abort": reason})
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=within_s)
        for keeper in self._keepers:
            keeper.cancel()
        # The nursery sees the end of its orders, ends, and so does ``nursery_died``.
        self._nursery.shutdown(socket.SHUT_WR)

    def _tell_all(self, message: dict[str, Any]) -> None:
        for hired in self._hired.values():
            hired.send(message)

    async def _keep(self, title: str, queue: str) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            name = f"{title}.{next(self._numbers)}@{os.getpid()}"
            began_s = self._clock.monotonic_s()
            try:
                await self._employ(name, queue)
            except OSError as error:
                log.line("worker_lost", worker=name, error=error)
            self._died(name)
            if self._stopping:
                return
            lived_s = self._clock.monotonic_s() - began_s
            pause_s = _FIRST_PAUSE_S if lived_s > _HEALTHY_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            await self._clock.sleep_s(pause_s)

    async def _employ(self, name: str, queue: str) -> None:
        """One worker process from its birth to its end, which is the end of its stream."""
        ours, theirs = socket.socketpair()
        order = json.dumps({"name": name, "queues": [queue]}).encode()
        socket.send_fds(self._nursery, [order], [theirs.fileno()])
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        hired = self._hired[name] = _Hired(name, writer)
        hired.send({"wake": True})
        try:
            while line := await reader.readline():
                self._hear(hired, json.loads(line))
        finally:
            del self._hired[name]
            writer.close()

    def _hear(self, hired: _Hired, message: dict[str, Any]) -> None:
        if "sync_bus" in message:
            errand = asyncio.create_task(self._sync(hired, message["sync_bus"]))
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    async def _sync(self, hired: _Hired, number: int) -> None:
        error = ""
        try:
            await self._sync_bus()
        except Exception as failure:  # noqa: BLE001 - the worker that asked must be told whatever went wrong
            error = str(failure) or type(failure).__name__
        hired.send({"synced": number, "error": error})
