"""Around each call: its fault, if one is ordered, and its line in ``<dir>/calls.jsonl``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpi_kit.call import call_from_context
from cpi_kit.dispatch import CloudFactory, respond
from cpi_kit.dispatch import answer as plain_answer

from bosh.wire import cpi as wire
from fake_cpi.faults import Fault, hold, take_fault

GARBAGE = b"Segmentation fault (core dumped)\n"


def answer(make_cloud: CloudFactory, config: Mapping[str, Any], request: bytes) -> bytes:
    """Like the kit's, with misbehaviour on order."""
    try:
        decoded = wire.decode_request(request)
    except (wire.InvalidMessage, RecursionError):
        return plain_answer(make_cloud, config, request)
    call = call_from_context(config, decoded.context)
    directory = Path(str(call.config.get("dir") or "/nonexistent"))
    started_s = time.monotonic()
    fault = take_fault(directory, decoded.method, decoded.arguments)
    if fault.delay_s:
        time.sleep(fault.delay_s)
    if fault.hold and not fault.after_effect:
        hold(directory, decoded.method)
    response = wire.Response(request_id=call.request_id)
    if not fault.prevents_effect:
        response = respond(make_cloud, call, decoded)
    if fault.hold and fault.after_effect:
        hold(directory, decoded.method)
    if fault.failure is not None:
        response = wire.Response(None, fault.failure, response.log, call.request_id)
    _record(directory, decoded, response, fault, (started_s, time.monotonic()))
    if fault.die:
        os._exit(1)
    return GARBAGE if fault.garbage else wire.encode_response(response)


def _record(
    directory: Path, request: wire.Request, response: wire.Response, fault: Fault, span_s: tuple[float, float]
) -> None:
    """One line, whole, even from several processes: appended in one write."""
    if not directory.is_dir():
        return
    outcome = "die" if fault.die else "garbage" if fault.garbage else response.error.kind if response.error else "ok"
    line = {
        "method": request.method,
        "arguments": list(request.arguments),
        "api_version": request.api_version,
        "request_id": response.request_id,
        "outcome": outcome,
        "result": response.result,
        "message": response.error.message if response.error else "",
        "started_s": span_s[0],
        "finished_s": span_s[1],
    }
    descriptor = os.open(directory / "calls.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)
