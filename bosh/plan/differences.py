"""Two nested values compared, told to a person: ``memory_mb 512 → 1024``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from bosh.manifest.model import Json

_SECRET = re.compile(
    r"pass(word|wd|phrase)?|secret|token|private_key|credential|\bkey\b|_key\b|certificate", re.IGNORECASE
)
_SHOWN = 3
"""More differences than a line can hold help nobody."""
_VALUE_CHARACTERS = 60


def told(old: Json, new: Json) -> str:
    """The differences in one line; empty when there are none. Values under names that sound secret are left out."""
    found = list(differences(old, new))
    shown = ", ".join(found[:_SHOWN])
    return f"{shown} and {len(found) - _SHOWN} more" if len(found) > _SHOWN else shown


def differences(old: Json, new: Json, path: str = "") -> Iterator[str]:
    """One text per leaf that differs, with its path from the root (``subnets[0].name a → b``)."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in (*old, *(key for key in new if key not in old)):
            below = f"{path}.{key}" if path else str(key)
            if key not in new:
                yield f"{below} {_value(below, old[key])} removed"
            elif key not in old:
                yield f"{below} {_value(below, new[key])} added"
            else:
                yield from differences(old[key], new[key], below)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}[{position}]")
    else:
        change = f"{_value(path, old)} → {_value(path, new)}"
        yield f"{path} {change}" if path else change


def _value(path: str, value: Json) -> str:
    if _SECRET.search(path):
        return "(hidden)"
    text = value if isinstance(value, str) and value else json.dumps(_hidden(value), ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 1] + "…"


def _hidden(value: Json) -> Json:
    """The value with everything under a secret name left out."""
    if isinstance(value, Mapping):
        return {key: "(hidden)" if _SECRET.search(str(key)) else _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value
