"""``fetch_logs_with_signed_url({signed_url, log_type, filters, blobstore_headers})`` (…_with_signed_url.go)."""

from __future__ import annotations

from bosh.agent import logs
from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    asked = call.arguments.mapping(0)
    bundle = agent.blobs.temporary_file("logs")
    try:
        await logs.bundle(str(asked.get("log_type") or ""), asked.get("filters") or (), agent.paths, bundle)
        _, digest = await agent.blobs.put(bundle, asked.get("signed_url") or "", asked.get("blobstore_headers") or {})
    finally:
        bundle.unlink(missing_ok=True)
    return {"sha1": digest}


ACTION = Action("fetch_logs_with_signed_url", run, Trait(asynchronous=True))
