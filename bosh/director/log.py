"""The daemon's own log: one line per event on standard error, ``key=value``. Never a secret."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-*,")


def formatted(event: str, **fields: object) -> str:
    """``event=… key=value``; values with other than plain characters are quoted as JSON."""
    parts = [f"event={event}"]
    for key, value in fields.items():
        text = str(value)
        parts.append(f"{key}={text if text and _PLAIN.issuperset(text) else json.dumps(text)}")
    return " ".join(parts)


def line(event: str, **fields: object) -> None:
    """Write one event."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    sys.stderr.write(f"time={moment} {formatted(event, **fields)}\n")
    sys.stderr.flush()
