"""One call's surroundings: configuration, where its log goes, which request it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CONTEXT_FIELDS = frozenset({"director_uuid", "request_id", "vm", "answer_file"})
"""Keys of the context that are the director's own (``answer_file`` is read by ``cpi_kit.serve``); the rest are properties of the CPI config (bosh: clouds/external_cpi.rb)."""


class CallLog:
    """Lines for the task's ``cpi`` output, in order."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        self._lines.append(line)

    def text(self) -> str:
        """All lines, each ended by a newline; empty when nothing was said."""
        return "".join(f"{line}\n" for line in self._lines)


@dataclass(frozen=True, slots=True)
class Call:
    """What a cloud is made with: one object for one call."""

    config: Mapping[str, Any]
    """The program's configuration file, its top-level keys overridden by the CPI config's properties."""
    log: CallLog = field(default_factory=CallLog)
    request_id: str = ""
    director_uuid: str = ""
    stemcell_api_version: int = 1


def call_from_context(config: Mapping[str, Any], context: Mapping[str, Any]) -> Call:
    """Read the director's context; wrong types there are ignored, as they carry nothing a cloud needs to live."""
    properties = {key: value for key, value in context.items() if key not in _CONTEXT_FIELDS}
    vm = context.get("vm")
    stemcell = vm.get("stemcell") if isinstance(vm, dict) else None
    version = stemcell.get("api_version") if isinstance(stemcell, dict) else None
    return Call(
        config={**config, **properties},
        request_id=str(context.get("request_id") or ""),
        director_uuid=str(context.get("director_uuid") or ""),
        stemcell_api_version=version if isinstance(version, int) else 1,
    )
