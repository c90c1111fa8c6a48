"""Writes alerts into the director's event log (bosh-monitor: plugins/event_logger.rb)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bosh.health.model import Alert, DeploymentUnwell, Saying
from bosh.health.plugins.contract import Options, World


class EventLogger:
    def __init__(self, world: World) -> None:
        self._world = world

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        alert = saying.alert if isinstance(saying, DeploymentUnwell) else saying
        if isinstance(alert, Alert):
            body = {
                "timestamp": str(alert.created_at),
                "action": "create",
                "object_type": "alert",
                "object_name": alert.id,
                "deployment": alert.deployment or None,
                "instance": f"{alert.job}/{alert.instance_id}" if alert.job and alert.instance_id else None,
                "context": {"message": f"{alert.title}. Alert, {alert}"},
            }
            headers = {"Content-Type": "application/json"}
            await self._world.director.call("POST", "/events", body=json.dumps(body).encode(), headers=headers)
        return ()


def make(options: Options, world: World) -> EventLogger:
    """No options."""
    return EventLogger(world)
