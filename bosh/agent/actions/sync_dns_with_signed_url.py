"""``sync_dns_with_signed_url({signed_url, multi_digest, version, blobstore_headers})`` (…_with_signed_url.go)."""

from __future__ import annotations

from bosh.agent import dns_records
from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.spec import Source


async def run(agent: Agent, call: Call) -> str:
    asked = call.arguments.mapping(0)
    source = Source(
        str(asked.get("multi_digest") or ""),
        signed_url=asked.get("signed_url") or "",
        headers=asked.get("blobstore_headers") or {},
    )
    await dns_records.update(agent, source, int(asked.get("version") or 0))
    return "synced"


ACTION = Action("sync_dns_with_signed_url", run)
