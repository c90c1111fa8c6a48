"""``remove_dynamic_disk(cid)`` (action/remove_dynamic_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call


async def run(agent: Agent, call: Call) -> dict[str, str]:
    agent.machine.disks.remove_dynamic(call.arguments.text(0))
    return {}


ACTION = Action("remove_dynamic_disk", run)
