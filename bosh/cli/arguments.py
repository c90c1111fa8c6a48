"""A command's own flags and arguments, read off its function's signature.

A parameter is declared ``Annotated[TYPE, Option("--flag", "-f", …)]`` or ``Annotated[TYPE, Argument(…)]``; TYPE is ``str``, ``int``,
``bool`` (a switch), ``Path``, or a list of one of them (may be repeated), each perhaps ``| None``. Flags and arguments may be mixed, as the
original allows (go-flags). The common libraries for this import for longer than most commands run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

_TRUE = frozenset({"1", "t", "true", "yes", "y", "on"})
_FALSE = frozenset({"0", "f", "false", "no", "n", "off", ""})
_WIDTH = 32
"""Column in which a help text begins."""


class UsageError(Exception):
    """The command line does not fit the command."""


class Option:
    """A flag with a value, or a switch.

    Args:
        names: ``--flag`` and perhaps ``-f``.
        envvar: environment variable that has the value when the flag is not given.
    """

    def __init__(self, *names: str, help: str = "", metavar: str = "", envvar: str = "") -> None:  # noqa: A002
        self.names, self.help, self.metavar, self.envvar = names, help, metavar, envvar


class Argument:
    """A word by its place; required when its parameter has no default."""

    def __init__(self, *, help: str = "", metavar: str = "") -> None:  # noqa: A002
        self.help, self.metavar = help, metavar


class Context:
    """What a command's first parameter is: it leads to the session."""

    def __init__(self, session: object) -> None:
        self.session = session


class _Parameter:
    """One parameter of a command's function."""

    def __init__(self, name: str, hint: Any, default: tuple[Any, ...]) -> None:
        kind, self.declared = get_args(hint)
        if isinstance(kind, UnionType):
            kind = next(each for each in get_args(kind) if each is not type(None))
        self.name = name
        self.repeated = get_origin(kind) is list
        self.kind: type = get_args(kind)[0] if self.repeated else kind
        self.default = default
        """One value, or none when the parameter must be given."""

    @property
    def is_switch(self) -> bool:
        return self.kind is bool and not self.repeated

    @property
    def shown(self) -> str:
        """As messages name it."""
        if isinstance(self.declared, Option):
            return " / ".join(sorted(self.declared.names, key=len))
        return self.declared.metavar or self.name.upper()

    def value(self, text: str) -> Any:
        if self.kind is bool:
            if text.strip().lower() in _TRUE | _FALSE:
                return text.strip().lower() in _TRUE
            raise UsageError(f"Invalid value for '{self.shown}': '{text}' is not a valid boolean.")
        try:
            return self.kind(text)
        except ValueError as error:
            raise UsageError(f"Invalid value for '{self.shown}': '{text}' is not a valid integer.") from error


class Command:
    """A command's function and how to call it with the words of a command line."""

    def __init__(self, function: Callable[..., Any], *, name: str, help: str) -> None:  # noqa: A002
        self._function, self._name, self._help = function, name, help
        parameters = _parameters(function)
        self._options = [each for each in parameters if isinstance(each.declared, Option)]
        self._arguments = [each for each in parameters if isinstance(each.declared, Argument)]
        self._by_flag = {flag: each for each in self._options for flag in each.declared.names}

    def __call__(self, words: Sequence[str], session: object) -> Any:
        """Run the command; what its function returns. ``--help`` is answered instead.

        Raises:
            UsageError: unknown or missing words.
        """
        given, places = self._sorted(words)
        if given is None:
            sys.stdout.write(self.help_text())
            return 0
        values = self._option_values(given, os.environ) | self._argument_values(places)
        return self._function(Context(session), **values)

    # --- reading words

    def _sorted(self, words: Sequence[str]) -> tuple[dict[str, list[Any]] | None, list[str]]:
        """Values by parameter and words by place; no values at all when help is asked for."""
        given: dict[str, list[Any]] = {}
        places: list[str] = []
        pending = list(reversed(words))
        while pending:
            word = pending.pop()
            if word == "--":
                places.extend(reversed(pending))
                break
            if len(word) < 2 or word[0] != "-":
                places.append(word)
                continue
            flag, equals, text = _split(word)
            option = self._by_flag.get(flag)
            if option is None:
                if flag in {"--help", "-h"}:
                    return None, []
                raise UsageError(self._unknown(flag))
            if option.is_switch:
                given[option.name] = [option.value(text) if equals else True]
                if text and not equals:
                    pending.append(f"-{text}")
                continue
            if not equals and not text:
                if not pending:
                    raise UsageError(f"Option '{flag}' requires an argument.")
                text = pending.pop()
            given.setdefault(option.name, []).append(option.value(text))
        return given, places

    def _option_values(self, given: Mapping[str, list[Any]], environ: Mapping[str, str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for option in self._options:
            found = given.get(option.name)
            text = environ.get(option.declared.envvar, "") if option.declared.envvar else ""
            if found is None and text:
                found = [option.value(text)]
            if found is not None:
                values[option.name] = found if option.repeated else found[-1]
            elif option.default:
                values[option.name] = option.default[0]
            else:
                raise UsageError(f"Missing option '{option.shown}'.")
        return values

    def _argument_values(self, places: Sequence[str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        left = list(places)
        for argument in self._arguments:
            if argument.repeated and left:
                values[argument.name], left = [argument.value(text) for text in left], []
            elif left:
                values[argument.name] = argument.value(left.pop(0))
            elif argument.default:
                values[argument.name] = argument.default[0]
            else:
                raise UsageError(f"Missing argument '{argument.shown}'.")
        if left:
            raise UsageError(f"Got unexpected extra argument{'s' if len(left) > 1 else ''} ({' '.join(left)})")
        return values

    def _unknown(self, flag: str) -> str:
        import difflib

        close = difflib.get_close_matches(flag, self._by_flag, n=1)
        return f"No such option: {flag}" + (f" Did you mean {close[0]}?" if close else "")

    # --- help

    def help_text(self) -> str:
        """What ``--help`` prints."""
        places = "".join(f" {_place(each)}" for each in self._arguments)
        lines = [f"Usage: bosh {self._name} [OPTIONS]{places}", "", f"  {self._help}"]
        described = [(each.shown, each.declared.help) for each in self._arguments if each.declared.help]
        options = [(_flags(each), each.declared.help) for each in self._options]
        for title, rows in (("Arguments", described), ("Options", [*options, ("--help, -h", "Show this message")])):
            if rows:
                lines += ["", f"{title}:", *(_row(*row) for row in rows)]
        return "\n".join(lines) + "\n"


def _parameters(function: Callable[..., Any]) -> list[_Parameter]:
    hints = get_type_hints(function, include_extras=True)
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    optional = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    return [_Parameter(name, hints[name], (optional[name],) if name in optional else ()) for name in names[1:]]


def _split(word: str) -> tuple[str, bool, str]:
    """Flag, whether ``=`` follows it, and the rest: ``--a=b``, ``-ab``, ``-a=b``."""
    if word.startswith("--"):
        flag, equals, text = word.partition("=")
        return flag, bool(equals), text
    text = word[2:]
    return word[:2], text.startswith("="), text.removeprefix("=")


def _place(argument: _Parameter) -> str:
    text = argument.shown + ("..." if argument.repeated and not argument.shown.endswith("...") else "")
    return f"[{text}]" if argument.default else text


def _flags(option: _Parameter) -> str:
    text = ", ".join(option.declared.names)
    return text if option.is_switch else f"{text} {option.declared.metavar or option.name.upper()}"


def _row(name: str, text: str) -> str:
    lines: Iterable[str] = [f"  {name.ljust(_WIDTH - 4)}  {text}".rstrip()]
    if len(name) > _WIDTH - 4:
        lines = [f"  {name}", f"{'':{_WIDTH}}{text}".rstrip()]
    return "\n".join(lines)
