"""Locks between tasks: rows in the store, renewed while held (bosh: src/bosh-director/lib/bosh/director/lock.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bosh.state import records
from bosh.state.contract import Conflict, Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import LockTimeout

# The original's numbers: a lock is good for 240 s and renewed after half of that, so that one missed renewal does no harm. A worker that
# dies does not make others wait for it: the daemon removes its locks at once.
EXPIRY_S = 240.0
RENEWAL_S = 120.0

_FIRST_RETRY_S = 0.05
_LONGEST_RETRY_S = 0.5

Lost = Callable[[str], None]
"""Told the name of a lock that somebody else removed while we held it."""


class Locks:
    """The locks of one task."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, *, task_id: str, lost: Lost) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._task_id = task_id
        self._lost = lost

    @asynccontextmanager
    async def hold(self, name: str, *, timeout_s: float) -> AsyncIterator[None]:
        """Have the lock, renewed in the background, until left.

        Raises:
            LockTimeout: another task kept it for ``timeout_s``; the text names that task.
        """
        uid = self._ids.uuid()
        await self._acquire(name, uid, timeout_s)
        renewal = asyncio.create_task(self._renew(name, uid))
        try:
            yield
        finally:
            renewal.cancel()
            self._store.locks.delete(name=name, uid=uid)

    async def _acquire(self, name: str, uid: str, timeout_s: float) -> None:
        deadline_s = self._clock.monotonic_s() + timeout_s
        pause_s = _FIRST_RETRY_S
        while not self._try(name, uid):
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise self._timed_out(name, uid)
            await self._clock.sleep_s(min(pause_s, left_s))
            pause_s = min(pause_s * 2, _LONGEST_RETRY_S)

    def _try(self, name: str, uid: str) -> bool:
        held = self._store.locks.get(name=name)
        if held is not None:
            if held.expires_at > self._clock.now():
                return False
            self._store.locks.delete(name=name, uid=held.uid)
        try:
            self._store.locks.insert(records.Lock(name, uid, self._task_id, self._expiry()))
        except Conflict:
            return False
        return True

    def _timed_out(self, name: str, uid: str) -> LockTimeout:
        held = self._store.locks.get(name=name)
        holder = f" Locking task id is {held.task_id}" if held is not None else ""
        return LockTimeout(
            f"Failed to acquire lock for {name} uid: {uid}.{holder}",
            resolution=f"Wait for task {held.task_id}, or cancel it, then try again." if held is not None else "",
        )

    async def _renew(self, name: str, uid: str) -> None:
        while True:
            await self._clock.sleep_s(RENEWAL_S)
            if not self._store.locks.update_where({"name": name, "uid": uid}, expires_at=self._expiry()):
                self._lost(name)
                return

    def _expiry(self) -> datetime:
        return self._clock.now() + timedelta(seconds=EXPIRY_S)
