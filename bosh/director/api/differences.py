"""Manifests and configs compared, as the replies of ``…/diff`` show it: ``[[line, "added"|"removed"|null]…]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Lines = list[list[str | None]]


def compare(old: Mapping[str, Any], new: Mapping[str, Any], *, redact: bool) -> Lines:
    """Lines that tell how ``old`` becomes ``new``."""
    from bosh.manifest.diff import lines

    return [[line.text, line.state or None] for line in lines(old, new, redact=redact)]
