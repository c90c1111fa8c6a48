"""Differences between two YAML texts, as the director sends them: ``[[line, "added" | "removed" | null], …]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bosh.cli.output.ui import AnyUi

_MARKS = {"added": "+ ", "removed": "- "}


def _marked(line: Sequence[Any]) -> str:
    """One line with its mark, as the original prints it (bosh-cli: cmd/print_diff.go)."""
    return f"{_MARKS.get((line[1] if len(line) > 1 else None) or '', '  ')}{line[0]}\n"


def show(ui: AnyUi, lines: Sequence[Sequence[Any]]) -> None:
    """Line by line, for people."""
    for line in lines:
        ui.begin(_marked(line))


def text_of(lines: Sequence[Sequence[Any]]) -> str:
    """All lines as one text."""
    return "".join(map(_marked, lines))
