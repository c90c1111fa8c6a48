"""Differences between two YAML texts, as the director sends them: ``[[line, "added" | "removed" | null], …]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bosh.cli.output.ui import AnyUi

_MARKS = {"added": "+ ", "removed": "- "}


def show(ui: AnyUi, lines: Sequence[Sequence[Any]]) -> None:
    """One line each with its mark, as the original prints them (bosh-cli: cmd/diff.go)."""
    for line in lines:
        text, kind = line[0], line[1] if len(line) > 1 else None
        ui.line(f"{_MARKS.get(kind or '', '  ')}{text}")
    if lines:
        ui.line("")
