"""``list_disk()``: cids of the mounted persistent disks (action/list_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> list[str]:
    del call
    await agent.settings.load()
    known = agent.settings.persistent_disks()
    return [cid for cid, hint in known.items() if await agent.machine.disks.is_mounted(hint)]


ACTION = Action("list_disk", run, Trait(asynchronous=True))
