"""``stop()``: from protocol 3 on waits until the processes have ended (action/stop.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait

WAITING_PROTOCOL = 3


async def run(agent: Agent, call: Call) -> str:
    if call.arguments.protocol >= WAITING_PROTOCOL:
        await agent.supervisor.stop_and_wait()
    else:
        await agent.supervisor.stop()
    agent.heartbeat_now()
    return "stopped"


ACTION = Action("stop", run, Trait(asynchronous=True))
