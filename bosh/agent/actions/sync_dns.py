"""``sync_dns(blob id, digest, version)``: the names of all instances (action/sync_dns.go)."""

from __future__ import annotations

from bosh.agent import dns_records
from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.spec import Source


async def run(agent: Agent, call: Call) -> str:
    source = Source(call.arguments.text(1), call.arguments.text(0))
    await dns_records.update(agent, source, call.arguments.number(2))
    return "synced"


ACTION = Action("sync_dns", run)
