"""Paths of ops files: ``/instance_groups/name=web/jobs/0/properties/key?/inner`` (github.com/cppforlife/go-patch: patch/pointer.go)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from bosh.wire.errors import BoshError

Modifier = Literal["prev", "next", "before", "after"]

MODIFIERS: Final[dict[str, Modifier]] = {"prev": "prev", "next": "next", "before": "before", "after": "after"}

_ENCODED: Final = {"~0": "~", "~1": "/", "~7": ":"}
_INTEGER = re.compile(r"[-+]?[0-9]+")


class PointerError(BoshError):
    """A path cannot be read."""


@dataclass(frozen=True, slots=True)
class Index:
    index: int
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class AfterLast:
    """``-``"""


@dataclass(frozen=True, slots=True)
class Match:
    """``name=value``: the one list item that is a map with this text under this key."""

    key: str
    value: str
    optional: bool = False
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    key: str
    optional: bool = False


Token = Index | AfterLast | Match | Key
Pointer = tuple[Token, ...]
"""The root is the empty pointer."""


def pointer(text: str) -> Pointer:
    """Read a path. ``?`` makes its token and every later one optional.

    Raises:
        PointerError: no leading ``/``, or a modifier that is unknown or out of place.
    """
    if not text:
        return ()
    if not text.startswith("/"):
        raise PointerError("Expected to start with '/'")
    pieces = text.split("/")[1:]
    tokens: list[Token] = []
    optional = False
    for at, piece in enumerate(pieces):
        token, optional = _token(piece, last=at == len(pieces) - 1, optional=optional)
        tokens.append(token)
    return tuple(tokens)


def _token(piece: str, *, last: bool, optional: bool) -> tuple[Token, bool]:
    """The token, and whether tokens are optional from here on."""
    text, *words = piece.split(":")
    modifiers = tuple(_modifier(word, words[0]) for word in words)
    text = re.sub("~[017]", lambda found: _ENCODED[found[0]], text)
    if last and text == "-":
        if modifiers:
            raise PointerError("Expected not to find any modifiers with after last index token")
        return AfterLast(), optional
    if _INTEGER.fullmatch(text):
        return Index(int(text), modifiers), optional
    optional = optional or text.endswith("?")
    key, equals, value = text.partition("=")
    if equals:
        return Match(key, value.removesuffix("?"), optional, modifiers), optional
    if modifiers:
        raise PointerError("Expected not to find any modifiers with key token")
    return Key(text.removesuffix("?"), optional), optional


def _modifier(word: str, first: str) -> Modifier:
    if word in MODIFIERS:
        return MODIFIERS[word]
    # The original names the first modifier, whichever is wrong.
    message = "Expected to find one of the following modifiers: 'prev', 'next', 'before', or 'after' but found '{}'"
    raise PointerError(message.format(first))


def pointer_text(tokens: Pointer) -> str:
    """The path as messages show it: ``?`` at the first optional token only."""
    texts = [""]
    optional = False
    for token in tokens:
        text = _text(token)
        if isinstance(token, Match | Key) and token.optional and not optional:
            optional = True
            text += "?"
        texts.append(text + "".join(f":{word}" for word in getattr(token, "modifiers", ())))
    return "/".join(texts)


def _text(token: Token) -> str:
    if isinstance(token, Index):
        return str(token.index)
    if isinstance(token, AfterLast):
        return "-"
    return f"{_encoded(token.key)}={_encoded(token.value)}" if isinstance(token, Match) else _encoded(token.key)


def _encoded(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1").replace(":", "~7")
