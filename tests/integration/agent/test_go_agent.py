"""The original agent and ours in one run: the same questions, the same answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from bosh.wire import subjects
from bosh.wire.agent_rpc import running_task

from .conftest import AgentProcess, BlobDirectory, Bus, Caller, Listener
from .test_conversation import spec_of

GO_AGENT = os.environ.get("BOSH_GO_AGENT", "")

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    pytest.mark.skipif(not GO_AGENT, reason="BOSH_GO_AGENT does not name the original agent's program"),
]

FILLED_IN = ("release", "version", "blobstore_headers", "signed_url", "properties", "resource_pool", "unknown_field")
"""Fields of a spec that the original fills in or leaves out, though the director sent otherwise; it does not read them."""


def questions(blobs: BlobDirectory) -> list[tuple[str, tuple[Any, ...]]]:
    spec, next_spec, failing = spec_of(blobs), spec_of(blobs, version="2"), spec_of(blobs)
    failing["job"] = {**failing["job"], "templates": [{"name": name, "version": "1"} for name in ("a", "b")]}
    failing["rendered_templates_archive"] = blobs.add(
        {"a/bin/pre-start": "#!/bin/bash\nexit 1\n", "b/bin/pre-start": "#!/bin/bash\n"}
    )
    good = hashlib.sha1(b"hi").hexdigest()
    packaging = "echo built > ${BOSH_INSTALL_TARGET}/out\n"
    return [
        ("ping", ()),
        ("info", ()),
        ("get_state", ()),
        ("fly", ()),
        ("get_task", ("x",)),
        ("get_task", ()),
        ("cancel_task", ("x",)),
        ("apply", ({**spec, "configuration_hash": ""},)),
        ("get_state", ()),
        ("prepare", (spec,)),
        ("run_script", ("pre-stop", {"env": {"BOSH_VM_NEXT_STATE": "keep"}})),
        ("drain", ("shutdown",)),
        ("stop", ()),
        ("get_state", ()),
        ("apply", (spec,)),
        ("run_script", ("pre-start", {})),
        ("start", ()),
        ("get_state", ()),
        ("drain", ("update", next_spec)),
        ("drain", ("update",)),
        ("drain", ("status",)),
        ("run_errand", ()),
        ("run_errand", ("web",)),
        ("run_errand", ("nope",)),
        ("apply", (failing,)),
        ("run_script", ("pre-start", {})),
        ("add_persistent_disk", ("d", "/dev/x")),
        ("remove_persistent_disk", ("d",)),
        ("ssh", ("cleanup", {"user_regex": "bosh_"})),
        ("ssh", ("other", {})),
        ("upload_blob", ({"blob_id": "x", "checksum": good, "payload": "aGk="},)),
        ("delete_arp_entries", ({"ips": ["10.0.0.1"]},)),
        ("fetch_logs", ("nope", [])),
        ("update_settings", ({"trusted_certs": "", "disk_associations": []},)),
        ("compile_package", (*blobs.add({"packaging": packaging}).values(), "pkg", "1.1", {})),
        ("apply", ()),
    ]


async def answers(agent: AgentProcess, bus: Bus, asked: list[tuple[str, tuple[Any, ...]]]) -> list[tuple[str, Any]]:
    agent.directory.mkdir()
    bus.add_agent(agent.agent_id)
    agent.start()
    try:
        async with Listener(bus, subjects.DIRECTOR_COMMON_NAME, ["director.>"]) as listener:
            caller = Caller(listener, agent.agent_id)
            await caller.until_pong()
            return [(method, await _answer(caller, agent, method, arguments)) for method, arguments in asked]
    finally:
        agent.stop()


async def _answer(caller: Caller, agent: AgentProcess, method: str, arguments: tuple[Any, ...]) -> Any:
    reply, task = await caller.ask(method, *arguments), ""
    while reply.exception is None and (running := running_task(reply.value)):
        task = running
        await asyncio.sleep(0.02)
        reply = await caller.ask("get_task", task)
    text = json.dumps(_comparable(reply.exception or reply.value))
    for name, alias in ((agent.agent_id, "AGENT"), (task or "-none-", "TASK"), (str(agent.base), "BASE")):
        text = text.replace(name, alias)
    return json.loads(text)


def _comparable(value: Any) -> Any:
    """Without fields filled in, and random ids of blobs."""
    if isinstance(value, dict):
        return {
            key: "RANDOM" if key in {"blobstore_id", "sha1"} and "result" not in value else _comparable(inner)
            for key, inner in value.items()
            if key not in FILLED_IN or (key == "version" and inner)
        }
    return [_comparable(item) for item in value] if isinstance(value, list) else value


async def test_both_answer_alike(bus: Bus, blobs: BlobDirectory, tmp_path: Path) -> None:
    asked = questions(blobs)
    ours = AgentProcess(
        tmp_path / "ours", bus, str(uuid.uuid4()), blobs.path, [sys.executable, "-m", "bosh.agent.main"]
    )
    theirs = AgentProcess(tmp_path / "theirs", bus, str(uuid.uuid4()), blobs.path, [GO_AGENT])
    assert await answers(ours, bus, asked) == await answers(theirs, bus, asked)
