"""``unmount_disk(cid)`` (action/unmount_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    hint = agent.settings.persistent_disk(call.arguments.text(0))
    if await agent.machine.disks.unmount_persistent(hint):
        return {"message": f"Unmounted partition of {hint.cid}"}
    return {"message": f"Partition of {hint.cid} is not mounted"}


ACTION = Action("unmount_disk", run, Trait(asynchronous=True))
