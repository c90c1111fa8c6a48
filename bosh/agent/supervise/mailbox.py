"""A mail server just large enough for monit's alerts, on the loopback (RFC 5321; bosh-agent: go-smtpd)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bosh.agent.supervise.monit_mail import MonitEvent, parse_mail

log = logging.getLogger(__name__)

MAX_MAIL_LINES = 2000
IDLE_TIMEOUT_S = 60.0


class Mailbox:
    def __init__(self, port: int, deliver: Callable[[MonitEvent], None]) -> None:
        self._port = port
        self._deliver = deliver

    async def run(self) -> None:
        """Serve for ever.

        Raises:
            OSError: the port is taken.
        """
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await self._talk(reader, writer)
        except (OSError, TimeoutError, ValueError, EOFError) as error:
            log.warning("a mail was not finished: %s", error or type(error).__name__)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 localhost ready\r\n")
        while line := await reader.readline():
            verb = line.strip().upper()
            if verb.startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                return
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self._receive(await _mail(reader))
            writer.write(b"250 ok\r\n")
            await writer.drain()

    def _receive(self, lines: list[str]) -> None:
        event = parse_mail(lines)
        if event is not None:
            self._deliver(event)


async def _mail(reader: asyncio.StreamReader) -> list[str]:
    """Lines up to the lone dot, with doubled dots made single.

    Raises:
        ValueError: a mail without end.
        EOFError: it broke off.
    """
    lines: list[str] = []
    while len(lines) < MAX_MAIL_LINES:
        raw = await reader.readline()
        if not raw:
            raise EOFError("connection closed within a mail")
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line == ".":
            return lines
        lines.append(line.removeprefix("."))
    raise ValueError(f"more than {MAX_MAIL_LINES} lines")
