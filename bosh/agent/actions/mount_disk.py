"""``mount_disk(cid)`` (action/mount_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    await agent.settings.load()
    await agent.machine.disks.mount_persistent(agent.settings.persistent_disk(call.arguments.text(0)))
    return {}


ACTION = Action("mount_disk", run, Trait(asynchronous=True))
