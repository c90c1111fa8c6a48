"""The records of all instances' names: kept for bosh-dns, and in ``/etc/hosts`` for everyone (bosh-agent: action/state/sync_dns_state.go)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bosh.agent.actions.contract import Agent
from bosh.agent.spec import Source
from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError


async def update(agent: Agent, source: Source, version: int) -> None:
    """Fetch and take over, unless what is kept is as new.

    Raises:
        BoshError: the blob cannot be had, is damaged, or is of another version than was said.
    """
    async with agent.dns_lock:
        if kept_version(agent.paths.dns_records_json) >= version:
            return
        content = await _fetch(agent, source)
        records = _parse(content, version)
        agent.machine.hosts.write(agent.settings.current.agent_id, records)
        write_atomically(agent.paths.dns_records_json, content)
        agent.machine.ownership.root_vcap(agent.paths.dns_records_json)


async def _fetch(agent: Agent, source: Source) -> bytes:
    blob = await agent.blobs.get(source)
    try:
        return blob.read_bytes()
    finally:
        blob.unlink(missing_ok=True)


def _parse(content: bytes, version: int) -> list[list[Any]]:
    try:
        body = json.loads(content)
        found, records = body["version"], body.get("records") or []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoshError("unmarshalling DNS records", details=str(error)) from error
    if found != version:
        raise BoshError("version from unpacked dns blob does not match version supplied by director")
    return list(records)


def kept_version(file: Path) -> int:
    """-1 when nothing usable is kept, so that anything is newer."""
    try:
        return int(json.loads(file.read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1
