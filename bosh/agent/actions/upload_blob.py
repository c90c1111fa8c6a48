"""``upload_blob({blob_id, checksum, payload})``: rendered templates over the bus, base64 (action/upload_blob.go)."""

from __future__ import annotations

import base64
import binascii

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.wire import digest
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> str:
    asked = call.arguments.mapping(0)
    blob_id, checksum = str(asked.get("blob_id") or ""), str(asked.get("checksum") or "")
    try:
        content = base64.b64decode(str(asked.get("payload") or ""), validate=True)
        wanted = digest.strongest(checksum)
    except (binascii.Error, ValueError) as error:
        raise BoshError(f"cannot read blob {blob_id}", details=str(error)) from error
    if digest.of_bytes(content, wanted.algorithm) != str(wanted):
        raise BoshError(f"Payload corrupted. Checksum mismatch. Expected '{checksum}'")
    agent.blobs.keep_delivered(blob_id, content)
    return blob_id


ACTION = Action("upload_blob", run, Trait(asynchronous=True))
