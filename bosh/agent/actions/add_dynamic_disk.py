"""``add_dynamic_disk(cid, hint)``: a link to the device below ``data/dynamic_disks`` (action/add_dynamic_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.settings import disk_hint


async def run(agent: Agent, call: Call) -> dict[str, str]:
    settings = await agent.settings.load()
    hint = disk_hint(call.arguments.text(0), call.arguments.any(1), settings.env)
    await agent.machine.disks.add_dynamic(hint)
    return {}


ACTION = Action("add_dynamic_disk", run, Trait(asynchronous=True))
