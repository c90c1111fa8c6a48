"""``shutdown()``: power the machine off; the answer leaves first (action/shutdown.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call


async def run(agent: Agent, call: Call) -> str:
    del call
    await agent.machine.tools.check(["shutdown", "-P", "0"])
    return ""


ACTION = Action("shutdown", run)
