"""``prepare(spec)``: have everything on disk before the jobs stop; hotswapped VMs are prepared too (action/prepare.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.spec import Spec


async def run(agent: Agent, call: Call) -> str:
    await agent.installer.prepare(Spec(call.arguments.mapping(0)))
    return "prepared"


ACTION = Action("prepare", run, Trait(asynchronous=True))
