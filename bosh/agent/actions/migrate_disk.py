"""``migrate_disk(old, new)``: both ignored; from the store to the disk mounted as its successor (action/migrate_disk.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    del call
    await agent.machine.disks.migrate()
    return {}


ACTION = Action("migrate_disk", run, Trait(asynchronous=True))
