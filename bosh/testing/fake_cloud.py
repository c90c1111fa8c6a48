"""The fake cloud without a process: the director's ``Cpi`` over a directory, in memory's time.

Every call goes through the same bytes as the program's, so ordered faults, the call log and argument checks hold here too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fake_cpi.answer import GARBAGE, answer
from fake_cpi.cloud import FakeCloud
from fake_cpi.faults import order_fault

from bosh.clients.cpi import INVALID_RESPONSE
from bosh.wire import cpi as wire
from bosh.wire.errors import CloudError

Hook = Callable[[str, Mapping[str, Any]], None]
"""Told of a VM: its cid and its agent settings."""


class InProcessFakeCpi:
    """Keeps the promise of ``bosh.clients.contract.Cpi``.

    Args:
        directory: the cloud; look into it, or order faults, at will.
        on_vm_created: called after a VM was made, for starting a fake agent with these settings.
        on_vm_deleted: called before a VM goes.
        config: more of the CPI's configuration (``agent``, ``dynamic_range``, ``capacity_mb`` …).
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_vm_created: Hook | None = None,
        on_vm_deleted: Hook | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._config = {**(config or {}), "dir": str(directory)}
        self._on_vm_created = on_vm_created
        self._on_vm_deleted = on_vm_deleted
        self._request_numbers = itertools.count(100000)

    async def call(self, method: str, *arguments: Any) -> Any:
        """The result. Raises CloudError."""
        if method == "delete_vm" and self._on_vm_deleted and (settings := self.settings(str(arguments[0]))):
            self._on_vm_deleted(str(arguments[0]), settings)
        context = {"director_uuid": "fake-director", "request_id": f"cpi-{next(self._request_numbers)}"}
        request = wire.encode_request(wire.Request(method, arguments, context))
        line = await asyncio.to_thread(answer, FakeCloud, self._config, request)
        result = _result(method, line)
        if method == "create_vm" and self._on_vm_created:
            self._on_vm_created(result[0], self.settings(result[0]) or {})
        return result

    def settings(self, vm: str) -> dict[str, Any] | None:
        """The agent settings of a VM; None when there is no such VM."""
        path = self.directory / "vms" / vm / "settings.json"
        return json.loads(path.read_text()) if path.exists() else None

    def vms(self) -> dict[str, dict[str, Any]]:
        """All VMs' records by cid."""
        return {path.parent.name: json.loads(path.read_text()) for path in self.directory.glob("vms/*/vm.json")}

    def calls(self) -> list[dict[str, Any]]:
        """The call log, oldest first."""
        path = self.directory / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def order_fault(self, method: str, **fault: Any) -> None:
        """See ``fake_cpi.faults``; ``die`` would end the test's own process and is refused. Raises ValueError."""
        if fault.get("die"):
            raise ValueError("cannot order 'die' without a process of its own; use 'garbage'")
        order_fault(self.directory, method, **fault)


def _result(method: str, line: bytes) -> Any:
    if line == GARBAGE:
        raise CloudError(
            f"cannot understand the CPI's answer to {method}", kind=INVALID_RESPONSE, details=line.decode()
        )
    response = wire.decode_response(line)
    if response.error is not None:
        failure = response.error
        raise CloudError(
            f"CPI error '{failure.kind}' with message '{failure.message}' in '{method}' CPI method"
            f" (CPI request ID: '{response.request_id}')",
            kind=failure.kind,
            details=response.log,
            ok_to_retry=failure.ok_to_retry,
        )
    return response.result
