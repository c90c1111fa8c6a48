"""File patterns of package specs: ``*`` ``?`` ``[…]`` ``{a,b}`` in one path component, ``**`` for any number of folders.

Behaves as `bmatcuk/doublestar` v1, which the Go CLI uses: hidden files match like others, ``**`` follows links to folders, a final
``**`` matches folders and files.
"""

# Texts rather than Path objects: a large release has a hundred thousand entries to join and compare.
# ruff: noqa: PTH110, PTH112, PTH118, PTH208

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MAGIC = re.compile(r"[*?\[{\\]")
_DEPTH_MAX = 64
"""Links may lead in circles; no release nests deeper."""


def find(root: Path, pattern: str) -> list[Path]:
    """Everything under ``root`` that the pattern matches, folders included, each once, sorted by path.

    Raises:
        ValueError: the pattern is malformed.
    """
    found: dict[str, None] = {}
    for alternative in _expanded(pattern):
        parts = [part for part in alternative.split("/") if part and part != "."]
        for path in _walk(str(root), parts, 0):
            found.setdefault(os.path.normpath(path))
    return [Path(path) for path in sorted(found)]


def _walk(folder: str, parts: list[str], depth: int) -> Iterator[str]:
    if not parts:
        if os.path.lexists(folder):
            yield folder
        return
    if depth > _DEPTH_MAX:
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _walk_any_depth(folder, parts, depth)
    elif not _MAGIC.search(first):
        yield from _walk(os.path.join(folder, first), rest, depth)
    else:
        matches = _component(first)
        for name in _names(folder):
            if matches.fullmatch(name):
                yield from _walk(os.path.join(folder, name), rest, depth)


def _walk_any_depth(folder: str, parts: list[str], depth: int) -> Iterator[str]:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue  # a link to nothing; a plain "*" would match it
        if len(parts) == 1:
            yield path
        if os.path.isdir(path):
            yield from _walk(path, parts, depth + 1)
    if len(parts) > 1:
        yield from _walk(folder, parts[1:], depth)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _expanded(pattern: str) -> list[str]:
    """The pattern once for each way through its ``{a,b}``."""
    opening = _unescaped(pattern, "{", 0)
    if opening < 0:
        return [pattern]
    closing = _closing(pattern, opening)
    options = _split(pattern[opening + 1 : closing])
    before, after = pattern[:opening], pattern[closing + 1 :]
    return [whole for option in options for whole in _expanded(before + option + after)]


def _unescaped(text: str, wanted: str, start: int) -> int:
    position = start
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] in wanted:
            return position
        position += 1
    return -1


def _closing(pattern: str, opening: int) -> int:
    level, position = 0, opening
    while position >= 0:
        level += 1 if pattern[position] == "{" else -1
        if level == 0:
            return position
        position = _unescaped(pattern, "{}", position + 1)
    raise ValueError(f"'{pattern}' is not a file pattern: '{{' is never closed")


def _split(options: str) -> list[str]:
    parts, level, start, position = [], 0, 0, 0
    while position < len(options):
        character = options[position]
        if character == "\\":
            position += 1
        elif character == "," and level == 0:
            parts.append(options[start:position])
            start = position + 1
        else:
            level += {"{": 1, "}": -1}.get(character, 0)
        position += 1
    return [*parts, options[start:]]


def _component(pattern: str) -> re.Pattern[str]:
    """One path component as a regular expression."""
    expression, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            expression += ".*"
        elif character == "?":
            expression += "."
        elif character == "\\":
            position += 1
            expression += re.escape(pattern[position : position + 1])
        elif character == "[":
            text, position = _class(pattern, position)
            expression += text
        else:
            expression += re.escape(character)
        position += 1
    return re.compile(expression, re.DOTALL)


def _class(pattern: str, opening: int) -> tuple[str, int]:
    closing = _unescaped(pattern, "]", opening + 1)
    inside = pattern[opening + 1 : closing]
    negated = inside.startswith("^")
    members = inside[1:] if negated else inside
    if closing < 0 or not members or members.startswith("-") or members.endswith("-"):
        raise ValueError(f"'{pattern}' is not a file pattern: a character class is not closed or not complete")
    return f"[{'^' if negated else ''}{members.replace('[', chr(92) + '[').replace('^', chr(92) + '^')}]", closing
