"""bosh/agent/supervise/mailbox.py, spoken to as monit does."""

from __future__ import annotations

import asyncio
import smtplib
import socket

from bosh.agent.supervise.mailbox import Mailbox
from bosh.agent.supervise.monit_mail import MonitEvent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send(port: int, *mails: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        for mail in mails:
            client.sendmail("monit@localhost", ["agent@localhost"], mail)


async def test_each_mail_is_an_event() -> None:
    events: list[MonitEvent] = []
    port = free_port()
    serving = asyncio.create_task(Mailbox(port, events.append).run())
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        first = "Message-id: <1@x>\r\n\r\nService: web\r\nEvent: timeout\r\nDescription: .dotted\r\n"
        await asyncio.to_thread(send, port, first, "Subject: none of ours\r\n\r\nhello", "Service: db\r\n")
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert events == [MonitEvent("1@x", "web", "timeout", description=".dotted"), MonitEvent(service="db")]
