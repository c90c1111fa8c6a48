"""Writes everything heard to the log; ``format: json`` for machines (bosh-monitor: plugins/logger.rb)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from bosh.health.model import Alert, DeploymentUnwell, Heartbeat, Saying
from bosh.health.plugins.contract import Options, World

log = logging.getLogger("bosh.health.events")


class Logger:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        event = saying.alert if isinstance(saying, DeploymentUnwell) else saying
        if self._as_json:
            log.info("%s", json.dumps(event.to_json()))
        elif isinstance(event, Heartbeat):
            log.info(
                "heartbeat agent=%s job=%s/%s state=%s",
                event.agent_id,
                event.job,
                event.instance_id,
                event.body.get("job_state"),
            )
        else:
            log.warning("alert %s", event)
        return ()


def make(options: Options, world: World) -> Logger:
    """Options: ``format`` ``text`` or ``json``."""
    return Logger(as_json=options.get("format") == "json")
