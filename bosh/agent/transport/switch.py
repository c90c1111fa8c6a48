"""Moving from one bus, or one certificate, to another without a moment of deafness.

The original ends its process and starts anew, so that what the director asks meanwhile is lost and costs it a time-out of 45 s. Here the
new connection listens before the old one hangs up; what both hear is heard once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from bosh.agent.transport.contract import OnMessage, Transport

log = logging.getLogger(__name__)

SWITCH_TIMEOUT_S = 30.0
HEARD_MESSAGES = 256
"""Compared while both connections listen, which is a few milliseconds."""


class SwitchingTransport:
    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._serving: asyncio.Task[None] | None = None
        self._on_message: OnMessage = lambda _: None
        self._on_connected: Callable[[], None] = lambda: None
        self._switching = False
        self._heard: deque[bytes] = deque(maxlen=HEARD_MESSAGES)

    def publish(self, subject: str, payload: bytes) -> None:
        self._inner.publish(subject, payload)

    async def flush(self) -> None:
        await self._inner.flush()

    async def run(self, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        self._on_message, self._on_connected = on_message, on_connected
        self._serving = asyncio.create_task(self._inner.run(self._hear, on_connected))
        try:
            while True:
                serving = self._serving
                await asyncio.wait([serving])
                if serving is self._serving:
                    serving.result()
        finally:
            self._serving.cancel()

    async def switch(self, new: Transport) -> bool:
        """Whether the new transport connected in time; when not, the old one stays in use."""
        connected = asyncio.Event()
        self._switching = True
        candidate = asyncio.create_task(new.run(self._hear, connected.set))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connected.wait(), SWITCH_TIMEOUT_S)
            if not connected.is_set():
                candidate.cancel()
                return False
            await self._inner.flush()
            old, self._inner, self._serving = self._serving, new, candidate
            if old is not None:
                old.cancel()
        finally:
            self._switching = False
            self._heard.clear()
        self._on_connected()
        log.info("changed to another bus connection")
        return True

    def _hear(self, payload: bytes) -> None:
        if self._switching:
            if payload in self._heard:
                return
            self._heard.append(payload)
        self._on_message(payload)
