"""A line below what is being written, kept up to date: how far everything is. Nothing here writes; it says what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UP, _CLEAR = "\x1b[1A", "\x1b[2K"
_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")

STAGES: Mapping[str, str] = {
    "Compiling packages": "compiling",
    "Creating missing vms": "creating VMs",
    "Deleting unneeded instances": "deleting",
    "Updating instance": "updating",
}
"""Stages that take their time, as a person calls them."""


class Overall:
    """How many steps of each stage are done, of how many known so far; fed with a task's events."""

    def __init__(self) -> None:
        self._totals: dict[str, dict[tuple[str, ...], int]] = {}
        self._done: dict[str, int] = {}

    def see(self, event: Mapping[str, Any]) -> None:
        """One event line. A stage's total is told with each of its steps, for each group of instances apart."""
        stage = str(event.get("stage") or "")
        if stage not in STAGES or not event.get("total"):
            return
        self._totals.setdefault(stage, {})[tuple(event.get("tags") or ())] = int(event["total"])
        if event.get("state") in {"finished", "failed"}:
            self._done[stage] = self._done.get(stage, 0) + 1

    def text(self) -> str:
        """``compiling 2/7 · updating 3/12``; what is done is left out once something else goes on."""
        counts = {stage: (self._done.get(stage, 0), sum(totals.values())) for stage, totals in self._totals.items()}
        return " · ".join(f"{STAGES[stage]} {done}/{total}" for stage, (done, total) in counts.items() if done < total)


class LiveLine:
    """Where the cursor is, so that a line below it can be drawn and taken away.

    Args:
        width: of the terminal, characters.
    """

    def __init__(self, width: int) -> None:
        self._width = max(width, 20)
        self._column = 0
        self._shown = ""

    def written(self, text: str) -> str:
        """What to write for a piece of ordinary output: it, without the line below being in its way."""
        hidden = self._erase()
        plain = _SEQUENCE.sub("", text)
        _, newline, last = plain.rpartition("\n")
        self._column = (len(last.rpartition("\r")[2]) if newline else self._column + len(last)) % self._width
        return hidden + text + self._draw()

    def show(self, text: str) -> str:
        """What to write for another line below; none when it is empty."""
        hidden = self._erase()
        self._shown = text[: self._width - 1]
        return hidden + self._draw()

    def _erase(self) -> str:
        return f"\n{_CLEAR}{self._back()}" if self._shown else ""

    def _draw(self) -> str:
        return f"\n\r{_CLEAR}{self._shown}{self._back()}" if self._shown else ""

    def _back(self) -> str:
        """Up again, to where ordinary output goes on."""
        return f"{_UP}\x1b[{self._column + 1}G"
