"""The daemon's side of the workers: hires them, wakes them, passes on cancellations, and buries what a dead one left.

Each queue has one worker for ever. More, up to the number configured, are forked when there is more to do than idle hands, which takes
milliseconds, and leave again when there is nothing to do for a while: an idle director is small.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bosh.director import log
from bosh.system.clock import Clock

SyncBus = Callable[[], Awaitable[None]]
Died = Callable[[str], None]
"""Told the name of a worker process that is dead."""
Queued = Callable[[str], int]
"""How many tasks wait in a queue."""

# A worker that dies soon after its start is replaced slower and slower, so that a broken machine does not only fork.
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 10.0


class _Hired:
    def __init__(self, name: str, queue: str) -> None:
        self.name = name
        self.queue = queue
        self.busy = False
        self.writer: asyncio.StreamWriter | None = None

    def send(self, message: dict[str, Any]) -> None:
        if self.writer is not None:
            self.writer.write(json.dumps(message).encode() + b"\n")


class Staff:
    """All workers of one director."""

    def __init__(self, nursery: socket.socket, clock: Clock, *, sync_bus: SyncBus, died: Died, queued: Queued) -> None:
        nursery.setblocking(False)  # noqa: FBT003 - the library's signature
        self._nursery = nursery
        self._clock = clock
        self._sync_bus = sync_bus
        self._died = died
        self._queued = queued
        self._sizes: dict[str, int] = {}
        self._hired: set[_Hired] = set()
        self._lives: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._stopping = False

    def open(self, queue: str, count: int) -> None:
        """Serve a queue with at most ``count`` workers."""
        if count > 0:
            self._sizes[queue] = count
            self._go(self._keep(queue))

    async def nursery_died(self) -> None:
        """Returns when the nursery process is gone."""
        loop = asyncio.get_running_loop()
        while await loop.sock_recv(self._nursery, 1):
            continue

    def wake(self) -> None:
        """Something is queued."""
        self._tell_all({"wake": True})
        for queue in self._sizes:
            self._reinforce(queue)

    def interrupt(self, task_id: int) -> None:
        """A task is to be cancelled; the worker that runs it knows."""
        self._tell_all({"cancel": task_id})

    async def stop(self, reason: str, *, within_s: float) -> None:
        """Have the workers abort their tasks and leave."""
        self._stopping = True
        self._tell_all({"abort": reason})
        if self._lives:
            await asyncio.wait(self._lives, timeout=within_s)
        for life in self._lives:
            life.cancel()
        # The nursery sees the end of its orders, ends, and so does ``nursery_died``.
        self._nursery.shutdown(socket.SHUT_WR)

    def _go(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life)
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    def _tell_all(self, message: dict[str, Any]) -> None:
        for hired in self._hired:
            hired.send(message)

    def _reinforce(self, queue: str) -> None:
        """Hire for what waits and nobody is free for."""
        mine = [hired for hired in self._hired if hired.queue == queue]
        free = sum(not hired.busy for hired in mine)
        room = self._sizes[queue] - len(mine)
        if self._stopping or room <= 0:
            return
        for _ in range(min(room, self._queued(queue) - free)):
            self._go(self._employ(self._position(queue), is_spare=True))

    def _position(self, queue: str) -> _Hired:
        hired = _Hired(f"{queue}-{next(self._numbers)}@{os.getpid()}", queue)
        self._hired.add(hired)
        return hired

    async def _keep(self, queue: str) -> None:
        """The queue's one worker for ever, replaced when it dies."""
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            began_s = self._clock.monotonic_s()
            await self._employ(self._position(queue), is_spare=False)
            if self._stopping:
                return
            lived_s = self._clock.monotonic_s() - began_s
            pause_s = _FIRST_PAUSE_S if lived_s > _HEALTHY_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            await self._clock.sleep_s(pause_s)

    async def _employ(self, hired: _Hired, *, is_spare: bool) -> None:
        """One worker process from its birth to its end, which is the end of its stream."""
        try:
            await self._live(hired, is_spare=is_spare)
        except OSError as error:
            log.line("worker_lost", worker=hired.name, error=error)
        finally:
            self._hired.discard(hired)
            self._died(hired.name)
        # It may have left just when something was queued for it.
        if is_spare:
            self._reinforce(hired.queue)

    async def _live(self, hired: _Hired, *, is_spare: bool) -> None:
        ours, theirs = socket.socketpair()
        order = json.dumps({"name": hired.name, "queues": [hired.queue], "spare": is_spare}).encode()
        with theirs:
            socket.send_fds(self._nursery, [order], [theirs.fileno()])
        reader, hired.writer = await asyncio.open_connection(sock=ours)
        try:
            while line := await reader.readline():
                self._hear(hired, json.loads(line))
        finally:
            hired.writer.close()

    def _hear(self, hired: _Hired, message: dict[str, Any]) -> None:
        if "busy" in message:
            hired.busy = message["busy"]
            self._reinforce(hired.queue)
        elif "sync_bus" in message:
            self._go(self._sync(hired, message["sync_bus"]))

    async def _sync(self, hired: _Hired, number: int) -> None:
        error = ""
        try:
            await self._sync_bus()
        except Exception as failure:  # noqa: BLE001 - the worker that asked must be told whatever went wrong
            error = str(failure) or type(failure).__name__
        hired.send({"synced": number, "error": error})
