"""``start()``: hand the jobs to the supervisor and start them (action/start.go). Synchronous: returns when starting is accepted."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call


async def run(agent: Agent, call: Call) -> str:
    del call
    await agent.installer.configure(agent.specs.get())
    await agent.supervisor.start()
    agent.heartbeat_now()
    return "started"


ACTION = Action("start", run)
