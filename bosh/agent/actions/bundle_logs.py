"""``bundle_logs({owning_user, log_type, filters})``: a bundle on the VM, to be fetched by scp and removed by ``remove_file``."""

from __future__ import annotations

import asyncio

from bosh.agent import logs
from bosh.agent.actions.contract import Action, Agent, Call
from bosh.wire import digest


async def run(agent: Agent, call: Call) -> dict[str, str]:
    asked = call.arguments.mapping(0)
    bundle = agent.blobs.temporary_file("logs")
    try:
        await logs.bundle(str(asked.get("log_type") or ""), asked.get("filters") or (), agent.paths, bundle)
        if user := asked.get("owning_user"):
            agent.machine.ownership.give_to(bundle, str(user))
        checked = await asyncio.to_thread(digest.of_file, bundle, "sha512")
    except BaseException:
        bundle.unlink(missing_ok=True)
        raise
    return {"logs_tar_path": str(bundle), "sha512": checked}


ACTION = Action("bundle_logs", run)
