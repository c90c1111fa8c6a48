"""Events to everyone who listens. Source: bbs events/hub.go: who falls 1,024 events behind is cut off, and begins anew by listing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from google.protobuf.message import Message

BEHIND_MAXIMUM = 1024

Wanted = Callable[[Message], bool]


class Listener:
    """One reader's queue, on the event loop it was made on."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(BEHIND_MAXIMUM + 1)
        self.cut_off = False

    def put(self, event: Message) -> None:
        """Add one event; must be called on the listener's loop."""
        if self.cut_off:
            return
        if self._queue.qsize() >= BEHIND_MAXIMUM:
            self.cut_off = True
            self._queue.put_nowait(None)
        else:
            self._queue.put_nowait(event)

    def end(self) -> None:
        """Let the reader go after what it has not read yet; must be called on the listener's loop."""
        if not self.cut_off:
            self.cut_off = True
            self._queue.put_nowait(None)

    async def events(self) -> AsyncIterator[Message]:
        """Return events as they come, until this listener is cut off."""
        while (event := await self._queue.get()) is not None:
            yield event


class EventHub:
    """Those who listen to one sort of events. Events may come from any thread."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, wanted: Wanted) -> Listener:
        """Begin to hear the events that are wanted, on the running loop."""
        listener = Listener(wanted)
        self._listeners = (*self._listeners, listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Hear no more."""
        self._listeners = tuple(one for one in self._listeners if one is not listener)

    def emit(self, event: Message) -> None:
        """Tell everyone who wants to hear of it."""
        for listener in self._listeners:
            if listener.wanted(event):
                listener.loop.call_soon_threadsafe(listener.put, event)

    def close(self) -> None:
        """Let every reader go."""
        for listener in self._listeners:
            listener.loop.call_soon_threadsafe(listener.end)
