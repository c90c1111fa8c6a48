"""``compile_package(blob id, digest, name, version, dependencies)`` (action/compile_package.go)."""

from __future__ import annotations

from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.install.compiler import Compilation
from bosh.agent.spec import Bundle, Source


async def run(agent: Agent, call: Call) -> dict[str, Any]:
    blob_id, digest, name, version = (call.arguments.text(position) for position in range(4))
    dependencies = [
        Bundle(package["name"], package["version"], Source(package["sha1"], package.get("blobstore_id") or ""))
        for package in call.arguments.mapping(4).values()
    ]
    wanted = Compilation(name, version, Source(digest, blob_id), dependencies)
    blob_id, digest = await agent.compiler.compile(wanted, call.cancelled)
    return {"result": {"blobstore_id": blob_id, "sha1": digest}}


ACTION = Action("compile_package", run, Trait(asynchronous=True, cancellable=True))
