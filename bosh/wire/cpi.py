"""The CPI conversation: one JSON request, one JSON response (docs-bosh: content/cpi-api-rpc.md).

The process gets one request on stdin and answers on stdout; stderr is free text for the task's ``cpi`` output; the exit status means
nothing. The response always has all three keys and ``log`` is a string, or the original director refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

API_VERSION = 2

CLOUD_ERROR = "Bosh::Clouds::CloudError"
CPI_ERROR = "Bosh::Clouds::CpiError"
NOT_IMPLEMENTED = "Bosh::Clouds::NotImplemented"
NOT_SUPPORTED = "Bosh::Clouds::NotSupported"
VM_NOT_FOUND = "Bosh::Clouds::VMNotFound"
NETWORK_NOT_FOUND = "Bosh::Clouds::NetworkNotFound"
NO_DISK_SPACE = "Bosh::Clouds::NoDiskSpace"
DISK_NOT_ATTACHED = "Bosh::Clouds::DiskNotAttached"
DISK_NOT_FOUND = "Bosh::Clouds::DiskNotFound"
VM_CREATION_FAILED = "Bosh::Clouds::VMCreationFailed"
UNKNOWN_ERROR = "Bosh::Clouds::UnknownError"

KNOWN_ERRORS = frozenset(
    {
        CLOUD_ERROR,
        CPI_ERROR,
        NOT_IMPLEMENTED,
        NOT_SUPPORTED,
        VM_NOT_FOUND,
        NETWORK_NOT_FOUND,
        NO_DISK_SPACE,
        DISK_NOT_ATTACHED,
        DISK_NOT_FOUND,
        VM_CREATION_FAILED,
    }
)

METHODS = (
    "info",
    "create_stemcell",
    "delete_stemcell",
    "create_vm",
    "delete_vm",
    "has_vm",
    "reboot_vm",
    "set_vm_metadata",
    "calculate_vm_cloud_properties",
    "configure_networks",
    "create_disk",
    "delete_disk",
    "has_disk",
    "attach_disk",
    "detach_disk",
    "resize_disk",
    "update_disk",
    "set_disk_metadata",
    "get_disks",
    "snapshot_disk",
    "delete_snapshot",
    "create_network",
    "delete_network",
    "current_vm_id",
    "ping",
)


class InvalidMessage(ValueError):
    """Bytes that are not a CPI request or response."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. ``context`` carries director_uuid, request_id, vm.stemcell.api_version and the CPI config's properties."""

    method: str
    arguments: tuple[Any, ...]
    context: Mapping[str, Any] = field(default_factory=dict)
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed: ``kind`` is one of the names above or the CPI's own."""

    kind: str
    message: str
    ok_to_retry: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The answer: either a result or a failure. ``request_id`` names the request where one process answers many (cpi/kit)."""

    result: Any = None
    error: Failure | None = None
    log: str = ""
    request_id: str = ""


def encode_request(request: Request) -> bytes:
    """One line of JSON, newline included."""
    body = {
        "method": request.method,
        "arguments": list(request.arguments),
        "context": dict(request.context),
        "api_version": request.api_version,
    }
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        InvalidMessage: not JSON, or a field is missing or of the wrong type.
    """
    try:
        body = json.loads(line)
    except ValueError as error:
        raise InvalidMessage(f"request cannot be parsed: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        raise InvalidMessage("request must be an object with a method")
    if not isinstance(body.get("arguments"), list):
        raise InvalidMessage("request must have an arguments list")
    context = body.get("context") or {}
    if not isinstance(context, dict):
        raise InvalidMessage("request context must be an object")
    api_version = body.get("api_version", 1)
    if not isinstance(api_version, int):
        raise InvalidMessage("api_version must be a number")
    return Request(body["method"], tuple(body["arguments"]), context, api_version)


def encode_response(response: Response) -> bytes:
    """One line of JSON, newline included. Raises TypeError or ValueError for a result that JSON cannot say."""
    failure = response.error
    error = failure and {"type": failure.kind, "message": failure.message, "ok_to_retry": failure.ok_to_retry}
    body = {"result": response.result, "error": error, "log": response.log}
    if response.request_id:
        body["request_id"] = response.request_id
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode_response(text: bytes) -> Response:
    """Read a response.

    Raises:
        InvalidMessage: not JSON, keys missing, or ``log`` not a string.
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise InvalidMessage(f"response is not JSON: {error}; got {text[:200]!r}") from error
    if not isinstance(body, dict) or not {"result", "error", "log"} <= body.keys():
        raise InvalidMessage(f"response must have result, error and log; got {text[:200]!r}")
    if not isinstance(body["log"], str):
        raise InvalidMessage("response log must be a string")
    failed = body["error"]
    request_id = str(body.get("request_id") or "")
    if failed is None:
        return Response(body["result"], None, body["log"], request_id)
    if not isinstance(failed, dict) or not isinstance(failed.get("type"), str):
        raise InvalidMessage("response error must be an object with a type")
    failure = Failure(failed["type"], str(failed.get("message", "")), bool(failed.get("ok_to_retry", False)))
    return Response(None, failure, body["log"], request_id)
