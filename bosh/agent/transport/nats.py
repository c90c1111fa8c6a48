"""The agent on NATS: one connection, tried for ever (bosh-agent: mbus/nats_handler.go)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import unquote, urlsplit

from bosh.agent.settings import MbusCertificate
from bosh.agent.transport import tls
from bosh.agent.transport.contract import OnMessage
from bosh.system.clock import Clock
from bosh.wire import nats, subjects
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
PING_INTERVAL_S = 20.0
"""Two unanswered in a row and the connection counts as dead: a director that moved is noticed within a minute."""
UNANSWERED_PINGS = 2

FIRST_PAUSE_S = 0.1
EARLY_PAUSE_S = 1.0
EARLY_S = 60.0
"""The director may tell the bus about this agent a moment after the VM booted: in the first minute, try every second."""
LATE_PAUSE_S = 10.0
"""Below the director's time-out of one request (45 s)."""

WAITING_BYTES = 8 << 20
"""Of messages held while the bus is away, as the Go client holds."""
READ_BYTES = 1 << 16
SUBSCRIPTION = "1"


def pause_s(attempt: int, elapsed_s: float) -> float:
    """Before the given attempt (1, 2, …), so many seconds after the first failure."""
    cap = EARLY_PAUSE_S if elapsed_s < EARLY_S else LATE_PAUSE_S
    return float(min(cap, FIRST_PAUSE_S * 2 ** min(attempt - 1, 10)))


class NatsTransport:
    def __init__(self, urls: Sequence[str], certificate: MbusCertificate | None, agent_id: str, clock: Clock) -> None:
        """Raises BoshError when the certificate cannot be used, or no address is given."""
        if not urls:
            raise BoshError("cannot reach the director: the settings name no message bus")
        self._urls = tuple(urls)
        self._context = tls.client_context(certificate) if certificate is not None else None
        self._agent_id = agent_id
        self._clock = clock
        self._writer: asyncio.StreamWriter | None = None
        self._max_payload_bytes = 1024 * 1024
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._unanswered = 0
        self._early: list[nats.Event] = []

    # ---- out

    def publish(self, subject: str, payload: bytes) -> None:
        if self._writer is not None:
            self._send(subject, payload)
            return
        self._waiting.append((subject, payload))
        self._waiting_bytes += len(payload)
        while self._waiting_bytes > WAITING_BYTES:
            dropped_subject, dropped = self._waiting.popleft()
            self._waiting_bytes -= len(dropped)
            log.warning("dropped a message for %s: the bus is away for too long", dropped_subject)

    def _send(self, subject: str, payload: bytes) -> None:
        assert self._writer is not None
        try:
            self._writer.write(nats.publish(subject, payload, max_payload_bytes=self._max_payload_bytes))
        except nats.PayloadTooLarge:
            log.exception("cannot send a message for %s", subject)

    async def flush(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                await self._writer.drain()

    # ---- the connection

    async def run(self, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        attempt, failing_since = 0, self._clock.monotonic_s()
        while True:
            url = self._urls[attempt % len(self._urls)]
            try:
                await self._session(url, on_message, on_connected)
            except (OSError, ssl.SSLError, BoshError, nats.ProtocolError, TimeoutError, EOFError) as error:
                log.warning("bus %s: %s", urlsplit(url).netloc.rpartition("@")[2], str(error) or type(error).__name__)
            if self._writer is not None:
                # It had worked: count anew.
                self._writer = None
                attempt, failing_since = 0, self._clock.monotonic_s()
            attempt += 1
            await self._clock.sleep_s(pause_s(attempt, self._clock.monotonic_s() - failing_since))

    async def _session(self, url: str, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        parts = urlsplit(url)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 4222)
        parser = nats.Parser()
        self._early.clear()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._greet(reader, writer, parser, unquote(parts.username or ""), unquote(parts.password or ""))
            log.info("connected to the bus at %s:%s", parts.hostname, parts.port)
            self._writer, self._unanswered = writer, 0
            self._send_waiting()
            on_connected()
            pinging = asyncio.create_task(self._ping(writer))
            try:
                await self._read(reader, parser, on_message)
            finally:
                pinging.cancel()
        finally:
            writer.close()

    async def _greet(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        parser: nats.Parser,
        user: str,
        password: str,
    ) -> None:
        info = await self._next(reader, parser, nats.Info)
        self._max_payload_bytes = info.max_payload_bytes
        if self._context is not None:
            await writer.start_tls(self._context)
            tls.check_bus_name(writer.get_extra_info("peercert"))
        elif info.tls_required:
            raise BoshError("cannot connect to the bus: it wants a certificate and the settings have none")
        writer.write(nats.connect(name=self._agent_id, user=user, password=password) + nats.ping())
        await self._next(reader, parser, nats.Pong)
        writer.write(nats.subscribe(subjects.agent(self._agent_id), SUBSCRIPTION) + nats.ping())
        # Only after this answer is it sure that the server passes on what is sent to us.
        await self._next(reader, parser, nats.Pong)

    async def _next(
        self, reader: asyncio.StreamReader, parser: nats.Parser, wanted: type[nats.Info] | type[nats.Pong]
    ) -> nats.Info:
        """Read until an event of that kind; what comes with it is kept for later.

        Raises:
            BoshError: the server refuses, for example an unknown user.
            EOFError: it hangs up.
        """
        while data := await reader.read(READ_BYTES):
            events = parser.feed(data)
            for event in events:
                if isinstance(event, nats.ServerError):
                    raise BoshError(f"the bus refuses: {event.text}")
            found = [event for event in events if isinstance(event, wanted)]
            self._early += [event for event in events if not isinstance(event, wanted)]
            if found:
                return found[0] if isinstance(found[0], nats.Info) else nats.Info()
        raise EOFError("the server closed the connection during the greeting")

    def _send_waiting(self) -> None:
        while self._waiting:
            subject, payload = self._waiting.popleft()
            self._waiting_bytes -= len(payload)
            self._send(subject, payload)

    async def _read(self, reader: asyncio.StreamReader, parser: nats.Parser, on_message: OnMessage) -> None:
        for event in self._early:
            self._handle(event, on_message)
        while data := await reader.read(READ_BYTES):
            for event in parser.feed(data):
                self._handle(event, on_message)
        raise EOFError("the server closed the connection")

    def _handle(self, event: nats.Event, on_message: OnMessage) -> None:
        match event:
            case nats.Message():
                on_message(event.payload)
            case nats.Ping():
                assert self._writer is not None
                self._writer.write(nats.pong())
            case nats.Pong():
                self._unanswered = 0
            case nats.Info():
                self._max_payload_bytes = event.max_payload_bytes
            case nats.ServerError():
                if event.fatal:
                    raise BoshError(f"the bus says: {event.text}")
                log.warning("the bus says: %s", event.text)
            case nats.Ok():
                pass

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._clock.sleep_s(PING_INTERVAL_S)
            if self._unanswered >= UNANSWERED_PINGS:
                log.warning("the bus does not answer pings")
                writer.transport.abort()
                return
            self._unanswered += 1
            writer.write(nats.ping())

    def _close(self) -> None:
        self._writer = None
