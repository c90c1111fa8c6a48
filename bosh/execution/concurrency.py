"""Doing several things at a time: bounded, stopping at the first failure, never leaving an effect unrecorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def for_each(items: Iterable[T], act: Callable[[T], Awaitable[Any]], *, at_once: int) -> None:
    """Act on all items, at most ``at_once`` at a time, begun in order.

    After a failure nothing new is begun; what has begun is finished, then the first failure is raised. Cancellation reaches all of them.
    """
    waiting = iter(items)
    failures: list[BaseException] = []

    async def worker() -> None:
        for item in waiting:
            if failures:
                return
            try:
                await act(item)
            except Exception as error:  # noqa: BLE001 — kept and raised below, after the others are done
                failures.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, at_once)):
            group.create_task(worker())
    if failures:
        raise failures[0]


async def uninterrupted(work: Coroutine[Any, Any, R]) -> R:
    """Finish the work even when cancelled meanwhile, and be cancelled then.

    For an effect and its record: a VM that a cloud made must not lose its name between the two.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            await asyncio.wait({task})
        raise


class Coalesced:
    """Many callers, few calls: those who come while one call runs share the next."""

    def __init__(self, call: Callable[[], Awaitable[None]]) -> None:
        self._call = call
        self._next: asyncio.Future[None] | None = None
        self._lock = asyncio.Lock()

    async def __call__(self) -> None:
        """Return after a call that began later than this one."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._run())
        await asyncio.shield(self._next)

    async def _run(self) -> None:
        async with self._lock:
            await asyncio.sleep(0)
            self._next = None
            await self._call()
