"""``add_persistent_disk(cid, hint)``: remember how the cloud names an attached disk (action/add_persistent_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    await agent.settings.load()
    agent.settings.add_disk(call.arguments.text(0), call.arguments.any(1))
    return {}


ACTION = Action("add_persistent_disk", run, Trait(asynchronous=True))
