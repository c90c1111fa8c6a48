"""The filters of SCIM lists: text → tree. Pure; ``uaa.store.query`` turns the tree into SQL.

Grammar: SCIM 1.1 §3.2.2.1 as uaa reads it: ``attribute operator value``, joined by ``and`` (binds closer) and ``or``, with
parentheses; operators ``eq co sw pr gt ge lt le``; values are JSON strings, numbers, ``true``, ``false`` and ``null``, and strings in
single quotes as well. Words are case-insensitive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

OPERATORS = frozenset({"eq", "co", "sw", "pr", "gt", "ge", "lt", "le"})

Value = str | int | float | bool | None


class FilterError(ValueError):
    """The text is no filter."""


@dataclass(frozen=True)
class Comparison:
    """``value`` is None with ``pr``."""

    attribute: str
    operator: str
    value: Value = None


@dataclass(frozen=True)
class Both:
    operator: Literal["and", "or"]
    left: Node
    right: Node


Node = Comparison | Both

_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\s()"']+))"""
)
_MAX_TOKENS = 1600
"""Four hundred comparisons: the cloud controller asks for two hundred ids at once."""

_MAX_DEPTH = 50


def parse(text: str) -> Node:
    """Raises: FilterError."""
    tokens = _Tokens(text)
    tree = _or(tokens)
    if tokens.peek() is not None:
        raise FilterError(f"unexpected {tokens.peek()!r}")
    return tree


def comparisons(node: Node) -> Iterator[Comparison]:
    """Every comparison in the tree."""
    if isinstance(node, Comparison):
        yield node
    else:
        yield from comparisons(node.left)
        yield from comparisons(node.right)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._items: list[tuple[str, str]] = []
        self._at = 0
        self._depth = 0
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or len(self._items) >= _MAX_TOKENS:
                raise FilterError(f"cannot read from position {position}")
            kind = match.lastgroup or ""
            self._items.append((kind, match.group(kind)))
            position = match.end()

    def peek(self) -> tuple[str, str] | None:
        return self._items[self._at] if self._at < len(self._items) else None

    def take(self, kind: str) -> str:
        item = self.peek()
        if item is None or item[0] != kind:
            raise FilterError(f"expected a {kind}, found {item[1] if item else 'the end'}")
        self._at += 1
        return item[1]

    @contextmanager
    def nested(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FilterError("too many parentheses")
        yield
        self._depth -= 1

    def accept(self, kind: str, word: str = "") -> bool:
        item = self.peek()
        if item is None or item[0] != kind or (word and item[1].lower() != word):
            return False
        self._at += 1
        return True


def _or(tokens: _Tokens) -> Node:
    left = _and(tokens)
    while tokens.accept("word", "or"):
        left = Both("or", left, _and(tokens))
    return left


def _and(tokens: _Tokens) -> Node:
    left = _term(tokens)
    while tokens.accept("word", "and"):
        left = Both("and", left, _term(tokens))
    return left


def _term(tokens: _Tokens) -> Node:
    if tokens.accept("open"):
        with tokens.nested():
            inner = _or(tokens)
        tokens.take("close")
        return inner
    attribute = tokens.take("word")
    operator = tokens.take("word").lower()
    if operator not in OPERATORS:
        raise FilterError(f"unknown operator {operator}")
    return Comparison(attribute, operator) if operator == "pr" else Comparison(attribute, operator, _value(tokens))


def _value(tokens: _Tokens) -> Value:
    item = tokens.peek()
    if item is not None and item[0] == "string":
        text = tokens.take("string")
        if text[0] == "'":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        return _json(text)
    word = tokens.take("word")
    return _json(word.lower() if word.lower() in {"true", "false", "null"} else word)


def _json(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FilterError(f"not a value: {text}") from error
    if isinstance(value, (str, int, float)) or value is None:
        return value
    raise FilterError(f"not a value: {text}")
