"""``fetch_logs(kinds, filters)``: bundle and deliver to the blobstore (action/fetch_logs.go)."""

from __future__ import annotations

from bosh.agent import logs
from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> dict[str, str]:
    bundle = agent.blobs.temporary_file("logs")
    try:
        await logs.bundle(call.arguments.text(0), call.arguments.texts(1), agent.paths, bundle)
        blob_id, digest = await agent.blobs.put(bundle)
    finally:
        bundle.unlink(missing_ok=True)
    return {"blobstore_id": blob_id, "sha1": digest}


ACTION = Action("fetch_logs", run, Trait(asynchronous=True))
