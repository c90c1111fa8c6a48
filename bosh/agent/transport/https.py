"""The agent as an HTTPS server, for ``create-env``: ``POST /agent``, ``GET|PUT /blobs/ID`` (bosh-agent: mbus/https_handler.go)."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bosh.agent.blobs.http import basic
from bosh.agent.blobs.stores import safe_id
from bosh.agent.settings import MbusCertificate
from bosh.agent.transport import tls
from bosh.agent.transport.contract import OnMessage
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 64 << 20
"""Of a message. Blobs are streamed and have no limit."""
CHUNK_BYTES = 1 << 16
IDLE_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]


class HttpsTransport:
    """Answers go back on the request's own connection, so that ``reply_to`` is ours to choose."""

    def __init__(self, url: str, certificate: MbusCertificate | None, blobs: Path) -> None:
        """Raises BoshError without a certificate to show."""
        if certificate is None:
            raise BoshError("cannot serve an https message bus", details="env.bosh.mbus.cert is missing")
        parts = urlsplit(url)
        self._port = parts.port or 6868
        self._authorization = basic(unquote(parts.username or ""), unquote(parts.password or ""))
        self._blobs = blobs
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_pair(self._context, certificate.certificate, certificate.private_key)
        except (ssl.SSLError, OSError) as error:
            raise BoshError("cannot use the certificate for the message bus", details=str(error)) from error
        self._answers: dict[str, asyncio.Future[bytes]] = {}
        self._count = 0
        self._on_message: OnMessage = lambda _: None

    def publish(self, subject: str, payload: bytes) -> None:
        """Answers to open requests; there is nobody to hear anything else."""
        answer = self._answers.pop(subject, None)
        if answer is not None and not answer.done():
            answer.set_result(payload)

    async def flush(self) -> None:
        await asyncio.sleep(0.1)

    async def run(self, on_message: OnMessage, on_connected: Callable[[], None]) -> None:
        self._on_message = on_message
        server = await asyncio.start_server(self._serve, "0.0.0.0", self._port, ssl=self._context)
        on_connected()
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await asyncio.wait_for(_head(reader), IDLE_TIMEOUT_S)) is not None:
                await self._one(request, reader, writer)
                if request.headers.get("connection", "").lower() == "close":
                    return
        except (OSError, ValueError, EOFError, TimeoutError, BoshError) as error:
            log.info("connection ended: %s", error or type(error).__name__)
        finally:
            writer.close()

    async def _one(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._authorized(request):
            _respond(writer, "401 Unauthorized", b"", 'WWW-Authenticate: Basic realm=""\r\n')
            raise EOFError("not authorized")
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _body(request, reader)
        match request.method, request.path.split("/"):
            case "POST", ["", "agent"]:
                _respond(writer, "200 OK", await self._ask(await _collect(body)))
            case "PUT", ["", "blobs", name]:
                await self._store(name, body)
                _respond(writer, "201 Created", b"")
            case "GET", ["", "blobs", name]:
                await _drain(body)
                self._send_blob(name, writer)
            case _:
                await _drain(body)
                _respond(writer, "404 Not Found", b"")
        await writer.drain()

    def _authorized(self, request: _Request) -> bool:
        expected = self._authorization.get("Authorization", "")
        return hmac.compare_digest(expected.encode(), request.headers.get("authorization", "").encode())

    async def _ask(self, payload: bytes) -> bytes:
        body = json.loads(payload)
        if not isinstance(body, dict):
            raise ValueError("a message must be an object")
        self._count += 1
        subject = f"https.{self._count}"
        self._answers[subject] = asyncio.get_running_loop().create_future()
        answer = self._answers[subject]
        self._on_message(json.dumps({**body, "reply_to": subject}).encode())
        return await answer

    async def _store(self, name: str, body: AsyncIterator[bytes]) -> None:
        target = self._blobs / safe_id(name)
        partial = target.with_name(f".{target.name}.part")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            async for piece in body:
                stream.write(piece)
        partial.replace(target)

    def _send_blob(self, name: str, writer: asyncio.StreamWriter) -> None:
        path = self._blobs / safe_id(name)
        if path.is_file():
            _respond(writer, "200 OK", path.read_bytes())
        else:
            _respond(writer, "404 Not Found", b"")


async def _head(reader: asyncio.StreamReader) -> _Request | None:
    """None when the client hangs up between requests. Raises ValueError on anything that is not HTTP."""
    line = (await reader.readline()).decode("latin-1").strip()
    if not line:
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    while text := (await reader.readline()).decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    return _Request(method, urlsplit(path).path, headers)


async def _body(request: _Request, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return
    left = int(request.headers.get("content-length") or 0)
    while left:
        piece = await reader.read(min(left, CHUNK_BYTES))
        if not piece:
            raise EOFError("connection closed within a request")
        left -= len(piece)
        yield piece


async def _collect(body: AsyncIterator[bytes]) -> bytes:
    content = bytearray()
    async for piece in body:
        content += piece
        if len(content) > MAX_REQUEST_BYTES:
            raise ValueError("message too large")
    return bytes(content)


async def _drain(body: AsyncIterator[bytes]) -> None:
    async for _ in body:
        pass


def _respond(writer: asyncio.StreamWriter, status: str, body: bytes, headers: str = "") -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
