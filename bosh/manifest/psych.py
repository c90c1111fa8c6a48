"""Values → YAML lines as Ruby's Psych writes them, which is what the original's diffs consist of.

Psych decides on quotes (psych: visitors/yaml_tree.rb, scalar_scanner.rb), libyaml does the rest. Keys keep their order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from bosh.manifest.model import Json

_WORDLIKE = re.compile(r"^[^\d.:-]?[A-Za-z\u00aa-\uffff_\s!@#$%^&*(){}<>|/\\~;=]+", re.MULTILINE)
_SPECIAL_WORDS: Final = frozenset({"~", "null", "yes", "true", "on", "no", "false", "off"})
_TIME = re.compile(
    r"^-?\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d\d:\d\d(?:\.\d*)?(?:\s*(?:Z|[-+]\d{1,2}:?(?:\d\d)?))?$",
    re.MULTILINE,
)
_DATE = re.compile(r"^\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)$", re.MULTILINE)
_SPECIAL_FLOAT = re.compile(r"^(?:[-+]?\.inf|\.nan)$", re.MULTILINE | re.IGNORECASE)
_SYMBOL = re.compile(r"^:.", re.MULTILINE)
_BASE60 = re.compile(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}(?:\.[0-9_]*)?$", re.MULTILINE)
_FLOAT = re.compile(r"^[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?$", re.MULTILINE)
_INTEGER = re.compile(
    r"^(?:[-+]?0b[0-1_,]+|[-+]?0[0-7_,]+|[-+]?(?:0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)|[-+]?0x[0-9a-fA-F_,]+)$", re.MULTILINE
)
_OTHERS: Final = (_TIME, _DATE, _SPECIAL_FLOAT, _SYMBOL, _BASE60, _FLOAT, _INTEGER)
_BAD_OCTAL = re.compile(r"\A0[0-7]*[89]")
_SIGN_FIRST = re.compile(r"^\W[^\"]*$", re.MULTILINE)
_NULL_TAG: Final = "tag:yaml.org,2002:null"


def psych_lines(value: Json) -> list[str]:
    """The lines of a map or list, without the document's ``---``."""
    events = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=True), *_events(value)]
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=yaml.CDumper, allow_unicode=True, indent=2)
    lines = text.removeprefix("---").removeprefix("\n").removeprefix(" ").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _events(value: Json) -> Iterator[yaml.Event]:
    if isinstance(value, Mapping):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
        for key, child in value.items():
            yield from _events(key)
            yield from _events(child)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list | tuple):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=False)
        for child in value:
            yield from _events(child)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, str):
        yield yaml.ScalarEvent(None, None, (True, True), value, style=_style(value))
    elif value is None:
        yield yaml.ScalarEvent(None, _NULL_TAG, (True, False), "")
    else:
        yield yaml.ScalarEvent(None, None, (True, False), _word(value))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value) or math.isinf(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if e else mantissa


def _style(text: str) -> str | None:
    """Literal, double quoted, single quoted, or left to libyaml (None)."""
    if re.search(r"\n(?!\n?\Z)", text):
        return "|"
    if text == "<<":
        return "'"
    if text in {"y", "n"} or _SIGN_FIRST.search(text):
        return '"'
    return "'" if not _stays_text(text) or _BAD_OCTAL.match(text) else None


def _stays_text(text: str) -> bool:
    if not text:
        return False
    if _WORDLIKE.match(text) or "\n" in text:
        return len(text) > 5 or text.lower() not in _SPECIAL_WORDS
    return not any(pattern.search(text) for pattern in _OTHERS) or text in {".", "+.", "-."}
