"""Tables as the original CLI prints them: columns padded by two spaces, ``-`` for nothing, ``~`` for "the same as above".

Plain output (not a terminal) is tab-separated with a trailing tab, no titles, nothing left out: made for ``cut`` and ``grep``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

Cell = str | int | bool | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titled columns. A cell that is a list is printed one item a line."""

    content: str
    """What the rows are, for the footer: ``vms``."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    sort_by: tuple[int, ...] = ()
    """Column numbers, most important first."""
    descending: bool = False
    transpose: bool = False
    """One line a column, for a single thing in detail."""
    fill_first: bool = False
    """Repeat equal values of the first column instead of ``~``."""


def key_of(title: str, number: int) -> str:
    """JSON key of a column: lower case, every other run of characters ``_``."""
    key = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return key or str(number)


def text_of(cell: Cell) -> str:
    """One cell as text; several lines for a list."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (str, int)):
        return str(cell)
    return "\n".join(cell)


def text_rows(table: Table, *, fill_first: bool) -> list[list[str]]:
    """All cells as text, sorted; repeated first cells replaced by ``~`` unless ``fill_first``."""
    rows = [[text_of(cell) for cell in row] for row in table.rows]
    for column in reversed(table.sort_by):
        rows.sort(key=lambda row: row[column], reverse=table.descending)
    if not (fill_first or table.fill_first):
        above: str | None = None
        for row in rows:
            if row and row[0] == above:
                row[0] = "~"
            elif row:
                above = row[0]
    return rows


def only_columns(table: Table, wanted: Sequence[str]) -> Table:
    """The table with the columns whose title or key is named, in the table's order.

    Raises:
        ValueError: a name matches no column.
    """
    if not wanted:
        return table
    keys = [key_of(title, number) for number, title in enumerate(table.columns)]
    chosen: list[int] = []
    for name in wanted:
        matches = [i for i, title in enumerate(table.columns) if key_of(name, i) == keys[i] or name == title]
        if not matches:
            raise ValueError(f"cannot show column '{name}': columns are {', '.join(keys)}")
        chosen.extend(matches)
    chosen = sorted(set(chosen))
    return replace(
        table,
        columns=tuple(table.columns[i] for i in chosen),
        rows=tuple(tuple(row[i] for i in chosen) for row in table.rows),
        sort_by=(),
    )


@dataclass(slots=True)
class _Grid:
    border: str
    lines: list[list[str]] = field(default_factory=list)

    def add(self, cells: Iterable[str]) -> None:
        columns = [(cell.replace("\r", "") or "-").split("\n") for cell in cells]
        for number in range(max((len(column) for column in columns), default=0)):
            self.lines.append([column[number] if number < len(column) else "" for column in columns])

    def text(self) -> str:
        count = max((len(line) for line in self.lines), default=0)
        widths = [max((len(line[i]) for line in self.lines if i < len(line)), default=0) for i in range(count)]
        out = []
        for line in self.lines:
            padded = [cell.ljust(widths[i]) if i < len(line) - 1 else cell for i, cell in enumerate(line)]
            out.append(self.border.join(padded) + self.border)
        return "\n".join(out)


def for_people(table: Table) -> str:
    """Titles, rows, notes, the count, and an empty line to stand apart from what follows."""
    grid = _Grid("  ")
    rows = text_rows(table, fill_first=False)
    if table.transpose:
        for number, row in enumerate(rows):
            if number:
                grid.lines.append([])
            for title, cell in zip(table.columns, row, strict=False):
                grid.add((title, cell))
    else:
        grid.add(table.columns)
        for row in rows:
            grid.add(row)
    parts = [f"{table.title}\n"] if table.title else []
    parts.append(grid.text())
    if table.notes:
        parts.append("\n" + "\n".join(table.notes))
    if table.content:
        parts.append(f"\n{len(table.rows)} {table.content}")
    return "\n".join(parts) + "\n\n"


def for_programs(table: Table) -> str:
    """Tab-separated values, a line a row (or a line a column and row when transposed)."""
    grid = _Grid("\t")
    for row in text_rows(table, fill_first=True):
        if table.transpose:
            for cell in row:
                grid.add((cell,))
        else:
            grid.add(row)
    return grid.text() + "\n" if grid.lines else ""


def for_json(table: Table) -> dict[str, object]:
    """The ``Tables`` entry of ``--json``: every value a string (bosh-cli: ui/json_ui.go)."""
    keys = [key_of(title, number) for number, title in enumerate(table.columns)]
    rows = [dict(zip(keys, row, strict=False)) for row in text_rows(table, fill_first=True)]
    return {
        "Content": table.content,
        "Header": dict(zip(keys, table.columns, strict=False)),
        "Rows": rows,
        "Notes": list(table.notes) or None,
    }
