"""A task's ties to the director, in its worker process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bosh.director.tasks.locks import Locks
from bosh.state import records
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import BoshError, TaskCancelled

SyncBus = Callable[[], Awaitable[None]]


class Stop:
    """Why a task must end early: the operator's wish, a lost lock, or the director's own end. The first reason stays."""

    def __init__(self) -> None:
        self.error: BoshError | None = None
        self._body: asyncio.Task[Any] | None = None

    def watch(self, body: asyncio.Task[Any]) -> None:
        """The body to cancel; at once when the reason came first."""
        self._body = body
        if self.error is not None:
            body.cancel()

    def request(self, error: BoshError) -> None:
        if self.error is not None:
            return
        self.error = error
        if self._body is not None:
            self._body.cancel()


class LockLost(TaskCancelled):
    """Somebody removed a lock that this task held, so its work is no longer safe."""

    code = 100


class TaskControl:
    """Keeps the ``Control`` contract."""

    def __init__(
        self,
        task: records.Task,
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        stop: Stop,
        sync_bus: SyncBus,
        record_events: bool,
    ) -> None:
        self._task = task
        self._store = store
        self._clock = clock
        self._stop = stop
        self._sync_bus = sync_bus
        self._record_events = record_events
        self._locks = Locks(store, clock, ids, task_id=str(task.id), lost=self._lost)

    def checkpoint(self) -> None:
        if self._stop.error is not None:
            raise self._stop.error

    @asynccontextmanager
    async def lock(self, name: str, *, timeout_s: float) -> AsyncIterator[None]:
        deployment = self._task.deployment
        async with self._locks.hold(name, timeout_s=timeout_s):
            self.event("acquire", "lock", name, deployment=deployment)
            try:
                yield
            finally:
                self.event("release", "lock", name, deployment=deployment)

    def event(
        self,
        action: str,
        object_type: str,
        object_name: str = "",
        *,
        deployment: str = "",
        instance: str = "",
        error: str = "",
        parent_id: int = 0,
        context: dict[str, Any] | None = None,
    ) -> int:
        if not self._record_events:
            return 0
        event = records.Event(
            action,
            object_type,
            self._clock.now(),
            self._task.username,
            parent_id=parent_id,
            object_name=object_name,
            error=error,
            task=str(self._task.id),
            deployment=deployment,
            instance=instance,
            context=context or {},
        )
        return self._store.events.insert(event).id

    async def sync_bus_users(self) -> None:
        await self._sync_bus()

    def _lost(self, name: str) -> None:
        message = f"Lost lock {name}"
        self.event("lost", "lock", name, error=message)
        self._stop.request(LockLost(f"Task {self._task.id} was stopped: {message}"))
