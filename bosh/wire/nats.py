"""The bus's client protocol: bytes in, events out; no socket (docs.nats.io: reference/nats-protocol).

A connection begins with the server's ``INFO`` in clear text; where TLS is wanted the client upgrades the socket there and then, and
sends ``CONNECT`` and ``PING`` over it. The first ``PONG`` says that the server took the connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CRLF = b"\r\n"
MAX_CONTROL_LINE_BYTES = 1 << 20
"""A line longer than this is not a NATS server. ``INFO`` of a large cluster stays well below it."""


class ProtocolError(ValueError):
    """The server said something that is not the protocol; the connection must be closed."""


class PayloadTooLarge(ValueError):
    """A message longer than the server's ``max_payload``."""


@dataclass(frozen=True, slots=True)
class Info:
    """The server's greeting, sent again when its cluster changes."""

    max_payload_bytes: int = 1024 * 1024
    tls_required: bool = False
    connect_urls: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    subscription: str
    payload: bytes
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with ``PONG`` at once: the server closes connections that stay silent."""


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Ok:
    pass


@dataclass(frozen=True, slots=True)
class ServerError:
    """``-ERR``. Violations of permissions leave the connection open; everything else closes it."""

    text: str

    @property
    def fatal(self) -> bool:
        return not self.text.lower().startswith("permissions violation")


Event = Info | Message | Ping | Pong | Ok | ServerError


def connect(*, name: str, user: str = "", password: str = "", version: str = "1") -> bytes:
    """``CONNECT`` with verbose and pedantic off; a client certificate needs no user."""
    body: dict[str, Any] = {
        "verbose": False,
        "pedantic": False,
        "tls_required": False,
        "name": name,
        "lang": "python",
        "version": version,
        "protocol": 1,
        "headers": False,
    }
    if user:
        body |= {"user": user, "pass": password}
    return b"CONNECT " + json.dumps(body, separators=(",", ":")).encode() + CRLF


def subscribe(subject: str, subscription: str) -> bytes:
    return f"SUB {subject} {subscription}\r\n".encode()


def ping() -> bytes:
    return b"PING\r\n"


def pong() -> bytes:
    return b"PONG\r\n"


def publish(subject: str, payload: bytes, *, max_payload_bytes: int) -> bytes:
    """Raises PayloadTooLarge: the server would close the connection."""
    if len(payload) > max_payload_bytes:
        raise PayloadTooLarge(f"message of {len(payload)} bytes for {subject}; the server takes {max_payload_bytes}")
    return b"PUB %s %d\r\n%s\r\n" % (subject.encode(), len(payload), payload)


class Parser:
    """Bytes as they arrive → whole events; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: tuple[str, str, str, int] | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by these bytes, in order.

        Raises:
            ProtocolError: unknown operation, malformed arguments or a line without end.
        """
        self._buffer += data
        events: list[Event] = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> Event | None:
        if self._waiting is not None:
            return self._message()
        end = self._buffer.find(CRLF)
        if end < 0:
            if len(self._buffer) > MAX_CONTROL_LINE_BYTES:
                raise ProtocolError("control line without end")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        operation, _, rest = line.partition(b" ")
        if operation.upper() == b"MSG":
            self._waiting = _message_head(rest)
            return self._message()
        return _simple(operation.upper(), rest)

    def _message(self) -> Message | None:
        assert self._waiting is not None
        subject, subscription, reply_to, size = self._waiting
        if len(self._buffer) < size + 2:
            return None
        if self._buffer[size : size + 2] != CRLF:
            raise ProtocolError("message payload without end of line")
        payload = bytes(self._buffer[:size])
        del self._buffer[: size + 2]
        self._waiting = None
        return Message(subject, subscription, payload, reply_to)


def _message_head(arguments: bytes) -> tuple[str, str, str, int]:
    parts = arguments.decode("utf-8", "replace").split()
    if len(parts) not in {3, 4} or not parts[-1].isdigit():
        raise ProtocolError(f"malformed MSG: {arguments[:200]!r}")
    reply_to = parts[2] if len(parts) == 4 else ""
    return parts[0], parts[1], reply_to, int(parts[-1])


def _simple(operation: bytes, rest: bytes) -> Event:
    match operation:
        case b"PING":
            return Ping()
        case b"PONG":
            return Pong()
        case b"+OK":
            return Ok()
        case b"-ERR":
            return ServerError(rest.decode("utf-8", "replace").strip().strip("'"))
        case b"INFO":
            return _info(rest)
        case _:
            raise ProtocolError(f"unknown operation {operation[:40]!r}")


def _info(text: bytes) -> Info:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ProtocolError(f"INFO is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ProtocolError("INFO must be an object")
    return Info(
        max_payload_bytes=int(body.get("max_payload") or 1024 * 1024),
        tls_required=bool(body.get("tls_required")),
        connect_urls=tuple(body.get("connect_urls") or ()),
        raw=body,
    )
