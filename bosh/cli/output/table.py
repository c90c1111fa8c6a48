"""Tables as people, pipes and programs read them (bosh-cli: ui/table).

For people: columns padded with two spaces between them and after the last, empty cells as ``-``, equal values of the first column as ``~``.
For pipes (not a terminal): the same padding, tabs between, no titles, nothing left out: made for ``cut`` and ``grep``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell that is good or bad news."""

    text: str
    bad: bool


Cell = str | int | bool | Sequence[str] | Verdict | None


class NoSuchColumn(Exception):
    """Columns were asked for that no table has; ``others`` are the numbers of those that there are."""

    def __init__(self, names: Sequence[str], others: Iterable[int]) -> None:
        super().__init__(f"Failed to find header: {', '.join(key_of(name, '_') for name in names)}")
        self.others = tuple(sorted(others))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titled columns. A cell that is a list is printed one item a line."""

    content: str
    """What the rows are, for the footer: ``vms``."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    notes: tuple[str, ...] | None = None
    sort_by: tuple[int, ...] = ()
    """Column numbers, most important first."""
    descending: bool = False
    transpose: bool = False
    """One line a column, for a single thing in detail."""
    fill_first: bool = False
    """Repeat equal values of the first column instead of ``~``."""
    count: int | None = None
    """What the footer counts, when not the rows."""
    shown: tuple[int, ...] | None = None
    """Numbers of the columns to show; all when None."""


def key_of(title: str, number: int | str) -> str:
    """JSON key of a column: lower case, every other run of characters ``_``."""
    key = re.sub(r"[\W_]+", "_", title.lower()).strip("_")
    return key or str(number)


def text_of(cell: Cell) -> str:
    """One cell as text; several lines for a list."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (str, int)):
        return str(cell)
    return cell.text if isinstance(cell, Verdict) else "\n".join(cell)


def _order(cell: Cell) -> tuple[int, int, str]:
    """Numbers by value, everything else by its text."""
    return (0, cell, "") if isinstance(cell, int) else (1, 0, text_of(cell))


def _sorted(table: Table) -> list[tuple[Cell, ...]]:
    rows = list(table.rows)
    for column in reversed(table.sort_by):
        rows.sort(key=lambda row: _order(row[column]), reverse=table.descending)
    return rows


def _rows(table: Table, *, fill_first: bool) -> list[list[Cell]]:
    """The cells to show, sorted; repeated first cells replaced by ``~`` unless ``fill_first``."""
    rows = [list(row) for row in _sorted(table)]
    if not (fill_first or table.fill_first):
        above: str | None = None
        for row in rows:
            if row and text_of(row[0]) == above:
                row[0] = "~"
            elif row:
                above = text_of(row[0])
    return rows if table.shown is None else [[row[number] for number in table.shown] for row in rows]


def _titles(table: Table) -> list[str]:
    return [title for number, title in enumerate(table.columns) if table.shown is None or number in table.shown]


def only_columns(table: Table, wanted: Sequence[str], together: Sequence[str] = ()) -> Table:
    """The table with the columns whose title or key is named, in the table's order.

    Args:
        together: columns of other tables that may be named too.

    Raises:
        NoSuchColumn: a name matches no column; the exception names all of them.
    """
    if not wanted:
        return table
    keys = [key_of(title, number) for number, title in enumerate(table.columns)]
    others = {key_of(title, "_") for title in together}
    chosen, unknown = set[int](), list[str]()
    for name in wanted:
        matches = {i for i, title in enumerate(table.columns) if key_of(name, i) == keys[i] or name == title}
        chosen |= matches
        if not matches and key_of(name, "_") not in others:
            unknown.append(name)
    if unknown:
        raise NoSuchColumn(unknown, chosen)
    return replace(table, shown=tuple(sorted(chosen)))


Paint = Callable[[Cell, str], str]


def _plain(_cell: Cell, text: str) -> str:
    return text


@dataclass(slots=True)
class _Grid:
    border: str
    lines: list[list[tuple[Cell, str]]] = field(default_factory=list)

    def add(self, cells: Iterable[Cell]) -> None:
        columns = [[(cell, text) for text in (text_of(cell).replace("\r", "") or "-").split("\n")] for cell in cells]
        for number in range(max((len(column) for column in columns), default=1)):
            self.lines.append([column[number] if number < len(column) else ("", "") for column in columns])

    def text(self, paint: Paint) -> str:
        count = max((len(line) for line in self.lines), default=0)
        widths = [max((len(line[i][1]) for line in self.lines if i < len(line)), default=0) for i in range(count)]
        out = []
        for line in self.lines:
            for number, (cell, text) in enumerate(line):
                room = " " * (widths[number] - len(text)) if number < len(line) - 1 else ""
                out.append(f"{paint(cell, text)}{room}{self.border}")
            out.append("\n")
        return "".join(out)


def for_people(table: Table, *, good: str = "", bad: str = "", plain: str = "") -> str:
    """Titles, rows, notes, and the count.

    Args:
        good, bad, plain: terminal sequences for good news, bad news, and the end of either; empty for no colors.
    """

    def paint(cell: Cell, text: str) -> str:
        return f"{bad if cell.bad else good}{text}{plain}" if isinstance(cell, Verdict) and text else text

    grid = _Grid("  ")
    rows = _rows(table, fill_first=False)
    if table.transpose:
        for number, row in enumerate(rows):
            if number:
                grid.lines.append([])
            for title, cell in zip(_titles(table), row, strict=False):
                grid.add((title, cell))
    else:
        grid.add(_titles(table))
        for row in rows:
            grid.add(row)
    parts = [f"{table.title}\n\n" if table.title else "", grid.text(paint)]
    if table.notes:
        parts.append("\n" + "".join(f"{note}\n" for note in table.notes))
    if table.content:
        parts.append(f"\n{len(table.rows) if table.count is None else table.count} {table.content}\n")
    return "".join(parts)


def for_programs(table: Table) -> str:
    """Tab-separated values, a line a row (or a line a column and row when transposed)."""
    grid = _Grid("\t")
    for number, row in enumerate(_rows(table, fill_first=True)):
        if table.transpose:
            if number:
                grid.lines.append([])
            for cell in row:
                grid.add((cell,))
        else:
            grid.add(row)
    return grid.text(_plain)


def for_json(table: Table) -> dict[str, object]:
    """The ``Tables`` entry of ``--json``: every value a string (bosh-cli: ui/json_ui.go)."""
    keys = [key_of(title, number) for number, title in enumerate(table.columns)]
    if table.shown is not None:
        keys = [keys[number] for number in table.shown]
    rows = [dict(sorted(zip(keys, map(text_of, row), strict=False))) for row in _rows(table, fill_first=True)]
    return {
        "Content": table.content,
        "Header": dict(sorted(zip(keys, _titles(table), strict=False))),
        "Rows": rows,
        "Notes": None if table.notes is None else list(table.notes),
    }
