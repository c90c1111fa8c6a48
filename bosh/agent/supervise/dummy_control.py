"""``set_dummy_status`` over the bus; its fields lie beside the method, not among its arguments (dummy_nats_job_supervisor.go)."""

from __future__ import annotations

import json
from collections.abc import Callable

from bosh.agent.supervise.dummy import DummySupervisor
from bosh.agent.supervise.monit_mail import MonitEvent
from bosh.agent.transport.contract import OnMessage, Outbox
from bosh.wire.agent_rpc import Reply, encode_reply
from bosh.wire.heartbeat import FAILING

ALERT = MonitEvent(
    id="fake-monit-alert",
    service="fake-monit-service",
    event="failing",
    action="start",
    date="Sun, 22 May 2011 20:07:41 +0500",
    description="fake-monit-description",
)


class DummyControl:
    """Stands before the agent's ears when its supervisor is a dummy."""

    def __init__(
        self,
        supervisor: DummySupervisor,
        inner: OnMessage,
        alert: Callable[[MonitEvent], None],
        outbox: Outbox,
    ) -> None:
        self._supervisor = supervisor
        self._inner = inner
        self._alert = alert
        self._outbox = outbox

    def receive(self, payload: bytes) -> None:
        try:
            body = json.loads(payload)
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("method") not in {"set_dummy_status", "set_task_fail"}:
            self._inner(payload)
            return
        self._supervisor.state = str(body.get("status") or "")
        if body["method"] == "set_dummy_status":
            if self._supervisor.state == FAILING:
                self._alert(ALERT)
            self._outbox.publish(str(body.get("reply_to") or ""), encode_reply(Reply(value="ok")))
