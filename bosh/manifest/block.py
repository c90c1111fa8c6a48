"""The part of YAML that manifests are mostly written in, read without libyaml.

Loading the full reader takes longer than a whole ``bosh int`` may. This one knows block maps and lists, plain and quoted words, ``|`` texts and
short ``[a, b]`` lists; at the first sign of anything else it gives up and the full reader starts over. What it does read it reads
exactly as the full reader does; a property test compares the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bosh.manifest.scalars import WORDS, plain_value
from bosh.manifest.values import clone

if TYPE_CHECKING:
    from bosh.manifest.model import Json

MAX_DEPTH: Final = 60
"""Deeper nesting is for the full reader to judge."""

MAX_ALIASES: Final = 200
"""More are for the full reader to judge."""

_ANCHOR = re.compile(r"[A-Za-z0-9_-]+")
_UNUSUAL = re.compile("[^\n -~]")
_KEY = re.compile(r"(?:([A-Za-z_/][A-Za-z0-9_./-]*)|\"([^\"\\]*)\"|'([^']*)'):(?: +(.*))?")
_QUOTED = re.compile(r"(?:\"([^\"\\]*)\"|'((?:[^']|'')*)')(?: +#.*)?")
_PLAIN_START = re.compile(r"[A-Za-z0-9_./(+<$^;=~\\]|-[A-Za-z0-9_./(-]")
_FLOW_WORD = re.compile(r"[A-Za-z0-9_./(][A-Za-z0-9_./()*-]*(?: [A-Za-z0-9_./()*-]+)*|\"[^\"\\]*\"|'[^']*'")
_FLOW_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*): +")
_FLOW_END = re.compile(r" *(?: +#.*)?")


class Unsure(Exception):
    """This text needs the full reader."""


def read(text: str) -> Json:
    """The value of the first document.

    Raises:
        Unsure: there is something in it that this reader does not know, or that is wrong.
    """
    if _UNUSUAL.search(text):
        raise Unsure
    return _Block(text).document()


class _Block:
    """A cursor over lines. ``at`` is the next line with content; ``indent`` and ``content`` describe it."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._at = -1
        self._depth = 0
        self._scalars: dict[str, Json] = {}
        self._anchors: dict[str, Json] = {}
        self._aliases = 0
        self.indent = -1
        self.content = ""
        self._next()

    def document(self) -> Json:
        if self.indent == 0 and self.content == "---":
            self._next()
        if self.indent < 0:
            # Nothing but comments.
            return None
        if self.indent != 0:
            raise Unsure
        value = self._node()
        if self.indent >= 0:
            raise Unsure
        return value

    def _next(self) -> None:
        """To the next line that is neither empty nor a comment; at the end the indent is -1."""
        lines = self._lines
        at = self._at + 1
        while at < len(lines):
            content = lines[at].lstrip(" ")
            if content and content[0] != "#":
                self._at, self.indent = at, len(lines[at]) - len(content)
                self.content = content.rstrip(" ")
                if self.indent == 0 and self.content[:3] in {"---", "..."} and self._started:
                    raise Unsure
                self._started = True
                return
            at += 1
        self._at, self.indent, self.content = at, -1, ""

    _started = False

    def _node(self) -> Json:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unsure
        is_list = self.content == "-" or self.content.startswith("- ")
        value = self._list(self.indent) if is_list else self._map(self.indent)
        self._depth -= 1
        return value

    def _list(self, indent: int) -> list[Json]:
        items: list[Json] = []
        while self.indent == indent and (self.content == "-" or self.content.startswith("- ")):
            rest = self.content[1:].lstrip(" ")
            if not rest or rest[0] == "#":
                self._next()
                items.append(self._deeper(indent) if self.indent > indent else None)
            elif rest.startswith("- ") or rest == "-" or _KEY.fullmatch(rest):
                # What follows the dash is the first line of a node that stands further right.
                self.indent += len(self.content) - len(rest)
                self.content = rest
                items.append(self._node())
            else:
                items.append(self._value(rest, indent))
        if self.indent > indent:
            raise Unsure
        return items

    def _map(self, indent: int) -> dict[Any, Json]:
        entries: dict[Any, Json] = {}
        while self.indent == indent:
            match = _KEY.fullmatch(self.content)
            if not match:
                raise Unsure
            plain, double, single, rest = match.groups()
            key = plain or double or single
            if key is None or plain in WORDS or key in entries:
                raise Unsure
            if rest and rest[0] not in "#&":
                entries[key] = self._value(rest, indent)
            else:
                self._next()
                entries[key] = self._anchored(rest, indent) if rest and rest[0] == "&" else self._below(indent)
        if self.indent > indent:
            raise Unsure
        return entries

    def _anchored(self, text: str, indent: int) -> Json:
        """A value under a name, for aliases further down. One that holds aliases itself could grow beyond bounds."""
        name = text[1:]
        if not _ANCHOR.fullmatch(name):
            raise Unsure
        self._anchors.pop(name, None)
        before = self._aliases
        value = self._below(indent)
        if self._aliases == before:
            self._anchors[name] = value
        return value

    def _alias(self, name: str) -> Json:
        self._aliases += 1
        if name not in self._anchors or self._aliases > MAX_ALIASES:
            raise Unsure
        return clone(self._anchors[name])

    def _below(self, indent: int) -> Json:
        """The value of a key that has nothing on its line; a list may stand as far left as the key."""
        if self.indent > indent:
            return self._deeper(indent)
        if self.indent == indent and (self.content == "-" or self.content.startswith("- ")):
            return self._node()
        return None

    def _deeper(self, indent: int) -> Json:
        """A node on lines of its own, or a single word."""
        content = self.content
        if content[0] in "|*" or content == "-" or content.startswith("- ") or _KEY.fullmatch(content):
            return self._node()
        return self._value(content, indent)

    def _value(self, text: str, indent: int) -> Json:
        """What stands on the line itself, or begins there as a ``|`` text."""
        if text[0] == "|":
            return self._literal(text, indent)
        if text[0] in "[{":
            value = _Flow(text).whole()
        elif text[0] == "*":
            value = self._alias(text[1:])
        elif text in self._scalars:
            value = self._scalars[text]
        else:
            value = self._scalars[text] = _scalar(text)
        self._next()
        if self.indent > indent:
            # A word that goes on in the next line.
            raise Unsure
        return value

    def _literal(self, text: str, indent: int) -> str:
        if text not in {"|", "|-"}:
            raise Unsure
        lines, at = self._lines, self._at + 1
        body: list[str] = []
        width = 0
        while at < len(lines):
            line = lines[at]
            content = line.lstrip(" ")
            here = len(line) - len(content)
            if content:
                width = width or here
                if here <= indent or here < width:
                    break
                body.append(line[width:])
            elif here > width:
                # Blanks beyond the text's own indentation, or before it is known, are content.
                raise Unsure
            else:
                body.append("")
            at += 1
        # Between the text's indentation and its key's nothing may stand; a last line without its end has none in the value either.
        left = len(lines[at]) - len(lines[at].lstrip(" ")) if at < len(lines) else -1
        if width <= indent or left > indent or (left < 0 and lines[-1]):
            raise Unsure
        while body and not body[-1]:
            body.pop()
        self._at = at - 1
        self._next()
        return "\n".join(body) + ("\n" if text == "|" else "")


def _scalar(text: str) -> Json:
    if text[0] in "\"'":
        match = _QUOTED.fullmatch(text)
        if not match:
            raise Unsure
        return match[1] if match[1] is not None else match[2].replace("''", "'")
    word = text.partition(" #")[0].rstrip(" ") if " #" in text else text
    if not _PLAIN_START.match(word) or ": " in word or word[-1] == ":":
        raise Unsure
    return plain_value(word)


class _Flow:
    """``[a, b]`` and ``{a: b}`` on one line, nested or not."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Json:
        value = self._item()
        if not _FLOW_END.fullmatch(self._text, self._at):
            raise Unsure
        return value

    def _item(self) -> Json:
        if self._text.startswith("[", self._at):
            return self._list()
        if self._text.startswith("{", self._at):
            return self._map()
        return _flow_scalar(self._match(_FLOW_WORD)[0])

    def _list(self) -> list[Json]:
        items: list[Json] = []
        self._at += 1
        self._blanks()
        while not self._closes("]"):
            items.append(self._item())
            self._separator("]")
        return items

    def _map(self) -> dict[Any, Json]:
        entries: dict[Any, Json] = {}
        self._at += 1
        self._blanks()
        while not self._closes("}"):
            key = self._match(_FLOW_KEY)[1]
            if key in entries or key in WORDS:
                raise Unsure
            entries[key] = self._item()
            self._separator("}")
        return entries

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if not match:
            raise Unsure
        self._at = match.end()
        return match

    def _closes(self, end: str) -> bool:
        if not self._text.startswith(end, self._at):
            return False
        self._at += 1
        return True

    def _separator(self, end: str) -> None:
        """A comma, or the end, which is left."""
        self._blanks()
        if self._text.startswith(",", self._at):
            self._at += 1
            self._blanks()
        elif not self._text.startswith(end, self._at):
            raise Unsure

    def _blanks(self) -> None:
        while self._text.startswith(" ", self._at):
            self._at += 1


def _flow_scalar(word: str) -> Json:
    return word[1:-1] if word[0] in "\"'" else plain_value(word)
