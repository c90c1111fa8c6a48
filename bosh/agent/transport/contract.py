"""What the agent sees of whatever bus it is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Outbox(Protocol):
    """The way out. Messages wait while the bus is away; the oldest are dropped when too many wait."""

    def publish(self, subject: str, payload: bytes) -> None: ...


OnMessage = Callable[[bytes], None]
"""Called with each request's bytes, on the event loop; must not block."""


class Transport(Outbox, Protocol):
    async def run(self, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        """Serve for ever; returns only by cancellation. ``on_connected`` is called after each (re)connection."""
        ...

    async def flush(self) -> None:
        """Return when what was published has left, or cannot leave."""
        ...
