"""Sends heartbeat metrics to graphite's plaintext port (bosh-monitor: plugins/graphite.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bosh.health.model import Alert, Heartbeat, Saying, metrics
from bosh.health.plugins.contract import Options, World


def lines(beat: Heartbeat, prefix: str) -> bytes:
    """``prefix.deployment.job.id.agent.metric value time``, a line a metric."""
    parts = (prefix, beat.deployment, beat.job, beat.instance_id, beat.agent_id)
    path = ".".join(part.replace(".", "_") for part in parts if part)
    text = "".join(
        f"{path}.{name.replace('.', '_')} {value} {beat.timestamp}\n" for name, value in metrics(beat.body).items()
    )
    return text.encode()


class Graphite:
    def __init__(self, host: str, port: int, prefix: str) -> None:
        self._host, self._port, self._prefix = host, port, prefix
        self._writer: asyncio.StreamWriter | None = None

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        if isinstance(saying, Heartbeat):
            if self._writer is None or self._writer.is_closing():
                _, self._writer = await asyncio.open_connection(self._host, self._port)
            self._writer.write(lines(saying, self._prefix))
            await self._writer.drain()
        return ()


def make(options: Options, world: World) -> Graphite:
    """Options: ``host``, ``port``, ``prefix``. Raises KeyError."""
    return Graphite(str(options["host"]), int(options["port"]), str(options.get("prefix") or ""))
