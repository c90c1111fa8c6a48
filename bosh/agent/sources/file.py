"""Settings in a file: containers (bosh-agent: infrastructure/file_settings_source.go)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bosh.wire.errors import BoshError


class FileSource:
    """``{"Type": "File", "SettingsPath": path}``."""

    def __init__(self, option: Mapping[str, Any]) -> None:
        self._path = Path(str(option.get("SettingsPath") or ""))

    async def read(self) -> Mapping[str, Any]:
        """Raises BoshError when the file is absent or damaged."""
        try:
            return parse_object(self._path.read_bytes(), str(self._path))
        except OSError as error:
            raise BoshError(f"cannot read settings from {self._path}", details=str(error)) from error


def parse_object(content: bytes, place: str) -> Mapping[str, Any]:
    """Raises BoshError when the content is not a JSON object."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise BoshError(f"cannot read settings from {place}", details=str(error)) from error
    if not isinstance(body, dict):
        raise BoshError(f"cannot read settings from {place}", details="they must be a JSON object")
    return body
