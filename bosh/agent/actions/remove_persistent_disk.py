"""``remove_persistent_disk(cid)``: the cloud will detach it (action/remove_persistent_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    await agent.settings.load()
    agent.settings.remove_disk(call.arguments.text(0))
    return {}


ACTION = Action("remove_persistent_disk", run, Trait(asynchronous=True))
