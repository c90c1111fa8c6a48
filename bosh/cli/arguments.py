"""A command line as the original reads it (bosh-cli: jessevdk/go-flags), told apart into global flags and what the command is given.

The original's spellings (``--flag=value``, ``-f=value``, ``-fvalue``, flags whose value may be left out, flags anywhere) become those
that typer knows. A flag of the command wins over a global one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bosh.cli.failures import UsageError


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag under all its names: ``--recent``, ``-r``."""

    names: tuple[str, ...]
    takes_value: bool = True
    implied: str | None = None
    """The value when none is given; such a flag never takes the next word."""
    required: bool = False

    def __str__(self) -> str:
        return ", ".join(sorted(self.names, key=len))

    @property
    def name(self) -> str:
        return max(self.names, key=len)


@dataclass(frozen=True, slots=True)
class Given:
    """A flag on the line, or a word when ``flag`` is None."""

    flag: Flag | None
    value: str = ""


def _is_option(word: str) -> bool:
    return (len(word) > 1 and word[0] == "-" and word[1] != "-") or (
        len(word) > 2 and word[:2] == "--" and word[2] != "-"
    )


def read(words: Sequence[str], flags: Mapping[str, Flag]) -> Iterator[Given]:
    """Flags and words in their order; everything after ``--`` is words.

    Args:
        flags: by each of their names.

    Raises:
        UsageError: a flag that nobody knows, or a value that is missing or too much.
    """
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            yield from (Given(None, rest) for rest in pending)
            return
        if not _is_option(word):
            yield Given(None, word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            flag = _known(name, flags, name[2:])
            yield _with_value(flag, value if equals else None, pending, last=True)
        else:
            yield from _cluster(word[1:], pending, flags)


def _known(name: str, flags: Mapping[str, Flag], said: str) -> Flag:
    if name in flags:
        return flags[name]
    import difflib

    close = difflib.get_close_matches(name, [one for one in flags if len(one) > 2], n=1, cutoff=0.75)
    hint = f", did you mean `{close[0]}'?" if close and len(said) > 1 else ""
    raise UsageError(f"unknown flag `{said}'{hint}")


def _cluster(letters: str, pending: list[str], flags: Mapping[str, Flag]) -> Iterator[Given]:
    """``-nd=x``, ``-nd x``, ``-dx``: only the first letter may have a value attached, only the last may take the next word."""
    attached: str | None = None
    first = flags.get(f"-{letters[0]}")
    if letters[1:2] == "=":
        letters, attached = letters[0], letters[2:]
    elif len(letters) > 1 and first is not None and first.takes_value:
        letters, attached = letters[0], letters[1:]
    for number, letter in enumerate(letters, start=1):
        yield _with_value(_known(f"-{letter}", flags, letter), attached, pending, last=number == len(letters))
        attached = None


def _with_value(flag: Flag, attached: str | None, pending: list[str], *, last: bool) -> Given:
    if not flag.takes_value:
        if attached is not None:
            raise UsageError(f"bool flag `{flag}' cannot have an argument")
        return Given(flag)
    if attached is not None:
        return Given(flag, attached)
    if flag.implied is not None:
        return Given(flag, flag.implied)
    if not (last and pending):
        raise UsageError(f"expected argument for flag `{flag}'")
    value = pending.pop(0)
    if value == "--":
        raise UsageError(f"expected argument for flag `{flag}', but got double dash `--'")
    if _is_option(value):
        raise UsageError(f"expected argument for flag `{flag}', but got option `{value}'")
    return Given(flag, value)


def by_name(flags: Sequence[Flag]) -> dict[str, Flag]:
    return {name: flag for flag in flags for name in flag.names}
