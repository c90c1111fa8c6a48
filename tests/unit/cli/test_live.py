"""The line below: what it counts, and that it never disturbs what is above it."""

from __future__ import annotations

import re

import pytest

from bosh.cli.output.live import LiveLine, Overall


def event(stage: str, state: str, total: int, *tags: str):
    return {"stage": stage, "state": state, "total": total, "tags": list(tags)}


def test_what_is_done_of_what_is_known():
    overall = Overall()
    for state in ("started", "finished", "started"):
        overall.see(event("Compiling packages", state, 7))
    for group, total in (("db", 2), ("api", 10)):
        overall.see(event("Updating instance", "started", total, group))
    overall.see(event("Updating instance", "failed", 2, "db"))
    overall.see(event("Preparing deployment", "started", 2))
    assert overall.text() == "compiling 1/7 · updating 1/12"


def test_nothing_is_said_when_nothing_goes_on():
    overall = Overall()
    assert overall.text() == ""
    overall.see(event("Creating missing vms", "finished", 1))
    assert overall.text() == ""


class Screen:
    """As much of a terminal as is needed: rows that scroll away upwards are kept."""

    def __init__(self, width: int) -> None:
        self.rows, self.row, self.column, self.width = [""], 0, 0, width

    def write(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[A-Zm]|\n|\r|[^\x1b\n\r]", text):
            self._one(part)

    def _one(self, part: str) -> None:
        if part == "\n":
            # As terminals are set up: a new line begins at its left edge.
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.rows):
                self.rows.append("")
        elif part == "\r":
            self.column = 0
        elif part == "\x1b[2K":
            self.rows[self.row] = ""
        elif part == "\x1b[1A":
            self.row -= 1
        elif part.endswith("G"):
            self.column = int(part[2:-1]) - 1
        elif not part.startswith("\x1b"):
            if self.column == self.width:
                self._one("\n")
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + part + row[self.column + 1 :]
            self.column += 1


@pytest.mark.parametrize("width", [20, 33, 80])
def test_what_is_above_is_what_would_be_there_without_it(width):
    pieces = ["one\n", "Task 1 | step", " (00:00:01)", "\nTask 1 | \x1b[31mstep\x1b[0m", " x" * 13, "\n\n", "end"]
    live, with_it, without = LiveLine(width), Screen(width), Screen(width)
    for number, piece in enumerate(pieces):
        with_it.write(live.show(f"updating {number}/7"))
        with_it.write(live.written(piece))
        without.write(piece)
        assert with_it.rows[: without.row + 1] == without.rows
        assert with_it.rows[with_it.row + 1] == f"updating {number}/7"
    with_it.write(live.show(""))
    assert [row for row in with_it.rows if row] == [row for row in without.rows if row]
    assert with_it.column == without.column
