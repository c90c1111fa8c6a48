"""Texts that fit their columns. Source: bbs db/sqldb/actual_lrp_db.go."""

from __future__ import annotations

MAXIMUM_BYTES = 1024
TRUNCATED = "(truncated)"


def shortened(text: str) -> str:
    """Return a text below 1024 bytes, or its beginning with a mark at the end."""
    encoded = text.encode()
    if len(encoded) < MAXIMUM_BYTES:
        return text
    return encoded[: MAXIMUM_BYTES - len(TRUNCATED)].decode(errors="ignore") + TRUNCATED
