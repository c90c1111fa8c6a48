"""What a command may say to its reader: a person at a terminal, a pipe, or a program that wants JSON.

Three readers, one interface. A person sees everything, with an empty line between whole lines, tables and questions, and none inside running
text (bosh-cli: ui/padding_ui.go). A pipe gets data and task output, no session lines and no titles (bosh-cli: ui/non_tty_ui.go). ``--json``
gathers all of it and prints one object at the end (bosh-cli: ui/json_ui.go).
"""

from __future__ import annotations

import getpass
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol, TextIO

from bosh.cli.output.live import LiveLine
from bosh.cli.output.table import NoSuchColumn, Table, for_json, for_people, for_programs, only_columns

_GREEN, _RED, _BOLD, _PLAIN = "\033[32m", "\033[31m", "\033[1m", "\033[0m"

_Mode = Literal["", "text", "line", "ask"]


class Refused(Exception):
    """The person answered no, or could not be asked."""


class Ui(Protocol):
    """Output of one command. ``line`` is a whole line for people; ``begin`` text for them that may go on, ``end`` the rest
    of it; ``block`` is data as it is."""

    interactive: bool

    def line(self, text: str) -> None: ...
    def begin(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...
    def block(self, text: str) -> None: ...
    def error_block(self, text: str) -> None: ...
    def error(self, text: str) -> None: ...
    def table(self, table: Table, *, together: Sequence[str] = ()) -> None: ...
    def flush(self) -> None: ...


class PeopleUi:
    """A terminal (or ``--tty``)."""

    decorated = True

    def __init__(self, *, out: TextIO, err: TextIO, color: bool, interactive: bool, columns: Sequence[str]) -> None:
        self._out, self._err, self._color, self._columns = out, err, color, columns
        self.interactive = interactive
        self._last: _Mode = ""
        self._live: LiveLine | None = None

    @property
    def on_terminal(self) -> bool:
        """Whether what was written can be written over."""
        return self.decorated and self._out.isatty()

    def _apart(self, mode: _Mode) -> None:
        """An empty line, unless this goes on with what came before."""
        if self._last and not (self._last == mode and mode in {"text", "ask"}):
            self._out.write(self._live.written("\n") if self._live else "\n")
        self._last = mode

    def _say(self, text: str) -> None:
        self._out.write(self._live.written(text) if self._live else text)
        self._out.flush()

    def live(self, text: str) -> None:
        """A line below everything, replaced by the next one; on a terminal only, and gone when it is empty."""
        if not self.on_terminal:
            return
        self._live = self._live or LiveLine(shutil.get_terminal_size().columns)
        self._out.write(self._live.show(text))
        self._out.flush()
        if not text:
            self._live = None

    def _red(self, text: str) -> str:
        return f"{_RED}{text}{_PLAIN}" if self._color else text

    def line(self, text: str) -> None:
        self._apart("line")
        self._say(text + "\n")

    def begin(self, text: str) -> None:
        self._apart("text")
        self._say(text)

    def end(self, text: str) -> None:
        self.begin(text + "\n")

    def block(self, text: str) -> None:
        self._apart("text")
        self._say(text)

    def error_block(self, text: str) -> None:
        self.block(self._red(text))

    def error(self, text: str) -> None:
        self._apart("line")
        self._out.flush()
        self._err.write(self._red(text) + "\n")
        self._err.flush()

    def table(self, table: Table, *, together: Sequence[str] = ()) -> None:
        """Args: together: titles of the tables that are shown with this one, which ``--column`` may name as well."""
        self._apart("line")
        self._say(self._table(self._chosen(table, together)))

    def _chosen(self, table: Table, together: Sequence[str]) -> Table:
        try:
            return only_columns(table, self._columns, together)
        except NoSuchColumn as error:
            self.error_block(f"{error}\n")
            return replace(table, shown=error.others)

    def _table(self, table: Table) -> str:
        text = for_people(table, good=_GREEN, bad=_RED, plain=_PLAIN) if self._color else for_people(table)
        if self._color and not table.transpose and not table.title:
            head, separator, rest = text.partition("\n")
            text = f"{_BOLD}{head}{_PLAIN}{separator}{rest}"
        return text

    def flush(self) -> None:
        self._out.flush()

    # --- questions

    def _read(self, prompt: str) -> str:
        self._say(prompt)
        answer = sys.stdin.readline()
        if not answer:
            raise Refused("cannot ask: end of input. Answer beforehand with --non-interactive")
        if not sys.stdin.isatty():
            # A terminal shows what is typed; what comes from elsewhere is shown for whoever reads the output.
            self._say(answer)
        return answer.rstrip("\n")

    def confirm(self, label: str = "Continue?") -> None:
        """Ask yes or no; silent yes under ``--non-interactive``. Raises Refused."""
        if self.interactive:
            self._apart("line")
            if self._read(f"{label} [yN]: ").strip().lower() not in {"y", "yes"}:
                raise Refused("Stopped")

    def ask(self, label: str, default: str = "") -> str:
        """Raises Refused when not interactive and there is no default."""
        if not self.interactive:
            if default:
                return default
            raise Refused("Cannot ask for input in non-interactive UI")
        self._apart("ask")
        return self._read(f"{label} ({default}): " if default else f"{label} (): ") or default

    def choose(self, label: str, choices: Sequence[str]) -> int:
        """The index of the one chosen; the first by default. Raises Refused."""
        if not self.interactive:
            raise Refused("Cannot ask for a choice in non-interactive UI")
        self._apart("line")
        self._say("".join(f"{number}: {choice}\n" for number, choice in enumerate(choices, start=1)))
        while True:
            answer = self._read(f"{label} (1): ").strip() or "1"
            if answer.isdigit() and 1 <= int(answer) <= len(choices):
                return int(answer) - 1
            self._say("invalid selection (not a number or out of range)\n")

    def ask_secret(self, label: str) -> str:
        if not self.interactive:
            raise Refused("Cannot ask for password in non-interactive UI")
        self._apart("ask")
        return getpass.getpass(f"{label} (): ")


class PipeUi(PeopleUi):
    """Data only."""

    decorated = False

    def line(self, text: str) -> None:
        pass

    def begin(self, text: str) -> None:
        pass

    def _table(self, table: Table) -> str:
        return for_programs(table)


class JsonUi(PeopleUi):
    """One JSON object at the end."""

    decorated = False

    def __init__(self, *, out: TextIO, interactive: bool, columns: Sequence[str]) -> None:
        super().__init__(out=out, err=out, color=False, interactive=interactive, columns=columns)
        self._tables: list[dict[str, object]] = []
        self._blocks: list[str] = []
        self._lines: list[str] = []

    def line(self, text: str) -> None:
        self._lines.append(text)

    begin = line
    end = line
    error = line

    def block(self, text: str) -> None:
        self._blocks.append(text)

    def table(self, table: Table, *, together: Sequence[str] = ()) -> None:
        self._tables.append(for_json(self._chosen(table, together)))

    def _read(self, prompt: str) -> str:
        raise Refused("Cannot ask for input in JSON UI: add --non-interactive")

    def _apart(self, mode: _Mode) -> None:
        pass

    def _say(self, text: str) -> None:
        pass

    def ask_secret(self, label: str) -> str:
        raise Refused("Cannot ask for password in JSON UI")

    def flush(self) -> None:
        if not (self._tables or self._blocks or self._lines):
            return
        body = {"Tables": self._tables or None, "Blocks": self._blocks or None, "Lines": self._lines or None}
        self._out.write(json.dumps(body, indent=4, ensure_ascii=False) + "\n")
        self._out.flush()
        self._tables, self._blocks, self._lines = [], [], []


AnyUi = PeopleUi


def make(*, as_json: bool, force_tty: bool, color: bool, interactive: bool, columns: Sequence[str]) -> AnyUi:
    """The reader this process has."""
    if as_json:
        return JsonUi(out=sys.stdout, interactive=interactive, columns=columns)
    tty = sys.stdout.isatty() or force_tty
    kind = PeopleUi if tty else PipeUi
    return kind(
        out=sys.stdout, err=sys.stderr, color=color and sys.stdout.isatty(), interactive=interactive, columns=columns
    )
