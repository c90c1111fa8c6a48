"""``update_settings({trusted_certs, disk_associations, mbus, blobstores})`` (action/update_settings.go, settings/update_settings.go).

A new bus or blobstore is taken into use at once. Where the new bus cannot be reached the agent restarts, as the original always does: the
task is remembered before and is done after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait


async def run(agent: Agent, call: Call) -> str:
    asked = call.arguments.mapping(0)
    await agent.settings.load()
    for association in asked.get("disk_associations") or ():
        await agent.machine.disks.associate(association["name"], agent.settings.persistent_disk(association["cid"]))
    await agent.machine.certificates.trust(str(asked.get("trusted_certs") or ""))
    merged, changed = merge(agent.settings.updates, asked)
    agent.settings.save_updates(merged)
    if changed:
        await agent.renew()
    return "ok"


def merge(known: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The settings to keep, and whether bus or blobstores are other ones. An absent bus or blobstore leaves the known one."""
    merged = {
        **known,
        "trusted_certs": asked.get("trusted_certs") or "",
        "disk_associations": asked.get("disk_associations") or [],
    }
    changed = False
    for key in ("mbus", "blobstores"):
        if _given(asked.get(key)) and asked[key] != known.get(key):
            merged[key] = asked[key]
            changed = True
    return merged, changed


def _given(value: Any) -> bool:
    """Whether anything is said: an object whose values are all empty says nothing."""
    if isinstance(value, Mapping):
        return any(_given(inner) for inner in value.values())
    return bool(value)


ACTION = Action("update_settings", run, Trait(asynchronous=True, persistent=True))
