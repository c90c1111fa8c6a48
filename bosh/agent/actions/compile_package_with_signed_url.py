"""``compile_package_with_signed_url({…})``: as ``compile_package``, without blobstore credentials (…_with_signed_url.go)."""

from __future__ import annotations

from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.install.compiler import Compilation
from bosh.agent.spec import Bundle, Source


async def run(agent: Agent, call: Call) -> dict[str, Any]:
    asked = call.arguments.mapping(0)
    headers = asked.get("blobstore_headers") or {}
    wanted = Compilation(
        name=str(asked.get("name") or ""),
        version=str(asked.get("version") or ""),
        source=Source(
            str(asked.get("digest") or ""), signed_url=asked.get("package_get_signed_url") or "", headers=headers
        ),
        dependencies=[_dependency(package) for package in (asked.get("deps") or {}).values()],
        upload_url=asked.get("upload_signed_url") or "",
        upload_headers=headers,
    )
    _, digest = await agent.compiler.compile(wanted, call.cancelled)
    return {"result": {"sha1": digest}}


def _dependency(package: dict[str, Any]) -> Bundle:
    source = Source(
        str(package.get("sha1") or ""),
        package.get("blobstore_id") or "",
        package.get("package_get_signed_url") or "",
        package.get("blobstore_headers") or {},
    )
    return Bundle(package["name"], package["version"], source)


ACTION = Action("compile_package_with_signed_url", run, Trait(asynchronous=True, cancellable=True))
