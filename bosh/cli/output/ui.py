"""What a command may say to its reader: a person at a terminal, a pipe, or a program that wants JSON.

Three readers, one interface. A person sees everything. A pipe gets data and task output, no session lines and no titles
(bosh-cli: ui/non_tty_ui.go). ``--json`` gathers all of it and prints one object at the end (bosh-cli: ui/json_ui.go).
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Sequence
from typing import Protocol, TextIO

from bosh.cli.output.table import Table, for_json, for_people, for_programs, only_columns

_RED, _BOLD, _PLAIN = "\033[31m", "\033[1m", "\033[0m"


class Refused(Exception):
    """The person answered no, or could not be asked."""


class Ui(Protocol):
    """Output of one command. ``line`` is a whole line for people; ``begin`` starts one without ending it; ``block`` is data as it is."""

    interactive: bool

    def line(self, text: str) -> None: ...
    def begin(self, text: str) -> None: ...
    def block(self, text: str) -> None: ...
    def error_block(self, text: str) -> None: ...
    def error(self, text: str) -> None: ...
    def table(self, table: Table) -> None: ...
    def flush(self) -> None: ...


class _Questions:
    """Prompts, on the terminal only."""

    interactive: bool = True

    def confirm(self, label: str = "Continue?") -> None:
        """Ask yes or no; silent yes under ``--non-interactive``. Raises Refused."""
        if not self.interactive:
            return
        answer = input(f"{label} [yN]: ")
        if answer.strip().lower() not in {"y", "yes"}:
            raise Refused("Stopped")

    def ask(self, label: str, default: str = "") -> str:
        """Raises Refused when not interactive and there is no default."""
        if not self.interactive:
            if default:
                return default
            raise Refused(f"cannot ask for {label}: input is switched off by --non-interactive")
        return input(f"{label} [{default}]: " if default else f"{label}: ") or default

    def ask_secret(self, label: str) -> str:
        if not self.interactive:
            raise Refused(f"cannot ask for {label}: input is switched off by --non-interactive")
        return getpass.getpass(f"{label}: ")


class PeopleUi(_Questions):
    """A terminal (or ``--tty``)."""

    def __init__(self, *, out: TextIO, err: TextIO, color: bool, interactive: bool, columns: Sequence[str]) -> None:
        self._out, self._err, self._color, self._columns = out, err, color, columns
        self.interactive = interactive

    def line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def begin(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    block = begin

    def error_block(self, text: str) -> None:
        self.begin(f"{_RED}{text}{_PLAIN}" if self._color else text)

    def error(self, text: str) -> None:
        self._out.flush()
        self._err.write(f"{_RED}{text}{_PLAIN}\n" if self._color else text + "\n")
        self._err.flush()

    def table(self, table: Table) -> None:
        text = for_people(only_columns(table, self._columns))
        if self._color and not table.transpose:
            head, separator, rest = text.partition("\n")
            text = f"{_BOLD}{head}{_PLAIN}{separator}{rest}"
        self.block(text)

    def flush(self) -> None:
        self._out.flush()


class PipeUi(PeopleUi):
    """Data only."""

    def line(self, text: str) -> None:
        pass

    def begin(self, text: str) -> None:
        pass

    def block(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def error_block(self, text: str) -> None:
        self.block(text)

    def table(self, table: Table) -> None:
        self.block(for_programs(only_columns(table, self._columns)))


class JsonUi(_Questions):
    """One JSON object at the end."""

    def __init__(self, *, out: TextIO, interactive: bool, columns: Sequence[str]) -> None:
        self._out, self._columns = out, columns
        self.interactive = interactive
        self._tables: list[dict[str, object]] = []
        self._blocks: list[str] = []
        self._lines: list[str] = []

    def line(self, text: str) -> None:
        self._lines.append(text)

    begin = line
    error = line

    def block(self, text: str) -> None:
        self._blocks.append(text)

    error_block = block

    def table(self, table: Table) -> None:
        self._tables.append(for_json(only_columns(table, self._columns)))

    def confirm(self, label: str = "Continue?") -> None:
        if self.interactive:
            raise Refused(f"cannot ask '{label}' with --json: add --non-interactive")

    def flush(self) -> None:
        if not (self._tables or self._blocks or self._lines):
            return
        body = {"Tables": self._tables or None, "Blocks": self._blocks or None, "Lines": self._lines or None}
        self._out.write(json.dumps(body, indent=4, ensure_ascii=False) + "\n")
        self._tables, self._blocks, self._lines = [], [], []


AnyUi = PeopleUi | JsonUi


def make(*, as_json: bool, force_tty: bool, color: bool, interactive: bool, columns: Sequence[str]) -> AnyUi:
    """The reader this process has."""
    if as_json:
        return JsonUi(out=sys.stdout, interactive=interactive, columns=columns)
    tty = sys.stdout.isatty() or force_tty
    kind = PeopleUi if tty else PipeUi
    return kind(out=sys.stdout, err=sys.stderr, color=color and tty, interactive=interactive, columns=columns)
