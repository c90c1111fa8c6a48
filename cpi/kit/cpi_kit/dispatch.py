"""Bytes of one request → a method of a cloud → bytes of one response. Whatever happens, the answer is a valid response."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from bosh.wire import cpi as wire
from cpi_kit.call import Call, call_from_context
from cpi_kit.errors import CpiFault, InvalidCall, to_failure
from cpi_kit.interfaces import Cloud
from cpi_kit.schemas import checked_arguments

CloudFactory = Callable[[Call], Cloud]
"""Makes the cloud for one call. May raise CpiFault for a configuration it cannot use."""

Answer = Callable[[CloudFactory, Mapping[str, Any], bytes], bytes]
"""The shape of ``answer``: cloud factory, configuration, request line → response line."""


def answer(make_cloud: CloudFactory, config: Mapping[str, Any], request: bytes) -> bytes:
    """One line of response for one request; never raises for anything a request or a cloud does."""
    try:
        decoded = wire.decode_request(request)
    except (wire.InvalidMessage, RecursionError) as error:
        return wire.encode_response(wire.Response(error=to_failure(InvalidCall(str(error)))))
    call = call_from_context(config, decoded.context)
    response = respond(make_cloud, call, decoded)
    try:
        return wire.encode_response(response)
    except (TypeError, ValueError) as error:
        fault = InvalidCall(f"cannot answer {decoded.method}: its result is not JSON", details=str(error))
        return wire.encode_response(wire.Response(None, to_failure(fault), response.log, call.request_id))


def respond(make_cloud: CloudFactory, call: Call, request: wire.Request) -> wire.Response:
    """Carry out one decoded request."""
    try:
        arguments = checked_arguments(request.method, request.arguments)
        method = getattr(make_cloud(call), request.method)
        result = _in_version(request.api_version, request.method, method(*arguments))
    except Exception as error:  # noqa: BLE001 - the edge: every fault becomes a response
        _explain(call, error)
        return wire.Response(None, to_failure(error), call.log.text(), call.request_id)
    return wire.Response(result, None, call.log.text(), call.request_id)


def _explain(call: Call, error: Exception) -> None:
    """A fault raised on purpose explains itself; for any other the log gets its origin."""
    if not isinstance(error, CpiFault):
        call.log("".join(traceback.format_exception(error)).rstrip())


def _in_version(api_version: int, method: str, result: Any) -> Any:
    """Version 1 wanted a bare cid from create_vm and nothing from attach_disk (docs-bosh: content/cpi-api-v2-migration-guide.md)."""
    if api_version < 2 and method == "create_vm":
        return result[0]
    if api_version < 2 and method == "attach_disk":
        return None
    return result
