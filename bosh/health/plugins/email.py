"""Sends alerts by mail, gathered so that an outage is one letter and not a hundred (bosh-monitor: plugins/email.rb)."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from bosh.health.model import Alert, DeploymentUnwell, Saying
from bosh.health.plugins.contract import Options, World


class Email:
    def __init__(self, options: Options, world: World) -> None:
        self._recipients: list[str] = list(options["recipients"])
        self._smtp: Mapping[str, Any] = options["smtp"]
        self._interval_s = float(options.get("interval", 10))
        self._world = world
        self._waiting: list[Alert] = []
        self._sender: asyncio.Task[None] | None = None

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        alert = saying.alert if isinstance(saying, DeploymentUnwell) else saying
        if isinstance(alert, Alert):
            self._waiting.append(alert)
            if self._sender is None or self._sender.done():
                self._sender = asyncio.get_running_loop().create_task(self._send_later())
        return ()

    async def _send_later(self) -> None:
        await self._world.clock.sleep_s(self._interval_s)
        alerts, self._waiting = self._waiting, []
        await asyncio.to_thread(self._send, letter(alerts, str(self._smtp["from"]), self._recipients))

    def _send(self, message: EmailMessage) -> None:
        with smtplib.SMTP(self._smtp["host"], int(self._smtp["port"]), timeout=30) as server:
            if self._smtp.get("tls"):
                server.starttls()
            if self._smtp.get("auth"):
                server.login(str(self._smtp["user"]), str(self._smtp["password"]))
            server.send_message(message)


def letter(alerts: Sequence[Alert], sender: str, recipients: Sequence[str]) -> EmailMessage:
    """One mail about some alerts."""
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(recipients)
    count = len(alerts)
    message["Subject"] = f"{count} {'alert' if count == 1 else 'alerts'} from BOSH Health Monitor"
    message.set_content("\n\n".join(str(alert) for alert in alerts) + "\n")
    return message


def make(options: Options, world: World) -> Email:
    """Options: ``recipients``, ``smtp{from, host, port, domain, tls, auth, user, password}``, ``interval`` s. Raises KeyError."""
    return Email(options, world)
