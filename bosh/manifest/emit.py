"""Values → YAML text, byte for byte as go-yaml v2 writes it (gopkg.in/yaml.v2: encode.go, emitterc.go, sorter.go).

Block style, keys sorted naturally, lists under a key not indented, quotes only where a bare word would mean something else,
long lines folded at blanks beyond column 80, text with line breaks as ``|`` literals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cmp_to_key, lru_cache
from typing import TYPE_CHECKING, Any, Final

from bosh.manifest.scalars import reads_as_text

if TYPE_CHECKING:
    from bosh.manifest.model import Json

BEST_WIDTH: Final = 80
SIMPLE_KEY_BYTES: Final = 128
"""A longer key is written in the ``? key`` form."""

_SIMPLE_TEXT = re.compile(r"[A-Za-z_/(<$=;^~][A-Za-z0-9_./()+@*!<>$%&=;^~\"'\[\]{},|`?-]*")
"""Text that needs no analysis: no blank, no colon, no hash, does not begin with an indicator or a digit."""
_SIMPLE_KEY = re.compile(r"[a-z_][a-z_]*")
_BREAK = re.compile(r"[\r\n\x85\u2028\u2029]")
_UNPRINTABLE_ASCII = re.compile(r"[^\n\x20-\x7e]")
_ESCAPES: Final = {
    0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e", 34: '"', 92: "\\",
    0x85: "N", 0xA0: "_", 0x2028: "L", 0x2029: "P",
}  # fmt: skip


def dump(value: Json) -> str:
    """The text of one document, ending in a newline.

    Raises:
        TypeError: a value that YAML has no form for.
    """
    if isinstance(value, Mapping) and value:
        out: list[str] = []
        _mapping(out, value, 0, first_on_line=False)
        return "".join(out)
    if isinstance(value, list | tuple) and value:
        out = []
        _sequence(out, value, 0, first_on_line=False)
        return "".join(out)
    out = []
    _scalar(out, value, 2, column=0, gap="")
    return "".join(out)


def _mapping(out: list[str], value: Mapping[Any, Json], indent: int, *, first_on_line: bool) -> None:
    """``first_on_line``: the first key follows a ``- ``, already indented."""
    pad = " " * indent
    for key in sorted_keys(value):
        if not first_on_line:
            out.append(pad)
        first_on_line = False
        _entry(out, key, value[key], indent)


def _entry(out: list[str], key: Any, value: Json, indent: int) -> None:
    text = _plain_key(key) if isinstance(key, str) else _key(key)
    if text is None:
        _complex_entry(out, key, value, indent)
        return
    out.append(text + ":")
    _node(out, value, indent, column=indent + len(text) + 1)


@lru_cache(4096)
def _plain_key(key: str) -> str | None:
    """The key as written on one line; None when it needs the ``? key`` form. Few keys make up most of a manifest."""
    return _key(key) if _is_simple(key) else None


@lru_cache(4096)
def _is_plain(value: str) -> bool:
    """Whether a text may stand as it is, wherever it stands."""
    return bool(value and _SIMPLE_TEXT.fullmatch(value) and reads_as_text(value))


def _node(out: list[str], value: Json, indent: int, *, column: int) -> None:
    """What follows ``key:``."""
    if isinstance(value, str) and _is_plain(value):
        out.append(f" {value}\n")
    elif isinstance(value, Mapping) and value:
        out.append("\n")
        _mapping(out, value, indent + 2, first_on_line=False)
    elif isinstance(value, list | tuple) and value:
        out.append("\n")
        _sequence(out, value, indent, first_on_line=False)
    else:
        _scalar(out, value, indent + 2, column=column, gap=" ")


def _sequence(out: list[str], value: Sequence[Json], indent: int, *, first_on_line: bool) -> None:
    pad = " " * indent
    for item in value:
        out.append("- " if first_on_line else pad + "- ")
        first_on_line = False
        if isinstance(item, str) and _is_plain(item):
            out.append(f"{item}\n")
        elif isinstance(item, Mapping) and item:
            _mapping(out, item, indent + 2, first_on_line=True)
        elif isinstance(item, list | tuple) and item:
            _sequence(out, item, indent + 2, first_on_line=True)
        else:
            out[-1] = out[-1][:-1]
            _scalar(out, item, indent + 2, column=indent + 1, gap=" ")


def _complex_entry(out: list[str], key: Any, value: Json, indent: int) -> None:
    out.append("?")
    _scalar(out, key, indent + 2, column=indent + 1, gap=" ")
    out.append(" " * indent + ":")
    if isinstance(value, Mapping) and value:
        out.append(" ")
        _mapping(out, value, indent + 2, first_on_line=True)
    elif isinstance(value, list | tuple) and value:
        out.append(" ")
        _sequence(out, value, indent + 2, first_on_line=True)
    else:
        _scalar(out, value, indent + 2, column=indent + 1, gap=" ")


def _scalar(out: list[str], value: Json, indent: int, *, column: int, gap: str) -> None:
    """One scalar or empty collection with the line's end; continuation lines stand at ``indent``."""
    if isinstance(value, str):
        text = _text(value, indent, column=column + len(gap))
        # An empty text is written as nothing where YAML's emitter allows it; go-yaml never does, it quotes.
        out.append(f"{gap}{text}\n" if not text.endswith("\n") else f"{gap}{text}")
    else:
        out.append(f"{gap}{_other(value)}\n")


def _other(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise TypeError(f"YAML has no form for {type(value).__name__}")


def _float(value: float) -> str:
    """As Go's strconv.FormatFloat(value, 'g', -1, 64), which takes exponents from a million on."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponent = f"{value!r}e0".split("e")[:2] if "e" not in repr(value) else repr(value).split("e")
    digits, point = _digits(mantissa, int(exponent))
    sign = "-" if math.copysign(1, value) < 0 else ""
    power = point - 1
    if value and (power < -4 or power >= 6):
        head = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        return f"{sign}{head}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}" if value else f"{sign}0"
    whole = digits[:point].ljust(point, "0")
    return f"{sign}{whole}" + (f".{digits[point:]}" if len(digits) > point else "")


def _digits(mantissa: str, exponent: int) -> tuple[str, int]:
    """Significant digits, and how many of them stand before the point."""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + exponent - (len(whole + fraction) - len(digits))
    return digits.rstrip("0") or "0", point


# --- text ---------------------------------------------------------------------------------------------------------------------------


def _text(value: str, indent: int, *, column: int) -> str:
    """A text value in the style that go-yaml chooses; ``column`` is where it begins."""
    if not value:
        return '""'
    if "\n" in value:
        return _literal(value, indent) if _literal_allowed(value) else _double_quoted(value, indent, column=column)
    if not reads_as_text(value):
        return _double_quoted(value, indent, column=column)
    if not _special(value):
        if _plain_allowed(value):
            return _folded(value, indent, column=column, quoted=False)
        return "'" + _folded(value.replace("'", "''"), indent, column=column + 1, quoted=True) + "'"
    return _double_quoted(value, indent, column=column)


def _key(key: Any) -> str:
    """A key on one line; never folded."""
    if not isinstance(key, str):
        return _other(key)
    if "\n" in key or not key or not reads_as_text(key) or _special(key):
        return _double_quoted(key, 0, column=-(10**9))
    return key if _plain_allowed(key) else "'" + key.replace("'", "''") + "'"


def _is_simple(key: Any) -> bool:
    return not isinstance(key, str) or not (_BREAK.search(key) or len(key.encode()) > SIMPLE_KEY_BYTES)


def _special(value: str) -> bool:
    """Whether only double quotes can hold it: unprintable characters, or blanks around line breaks."""
    return bool(_unprintable(value) or re.search(r"[ ][\r\n\x85\u2028\u2029]|[\r\n\x85\u2028\u2029][ ]", value))


def _plain_allowed(value: str) -> bool:
    if value[0] in "#,[]{}&*!|>'\"%@` " or value[-1] == " " or value.startswith(("---", "...")) or _BREAK.search(value):
        return False
    if value[0] in "-?:" and (len(value) == 1 or value[1] in " \t"):
        return False
    return not re.search(r":(?:[ \t]|$)|[ \t]#", value)


def _literal_allowed(value: str) -> bool:
    return not (_unprintable(value) or value.endswith(" ") or re.search(r"[ ][\r\n\x85\u2028\u2029]", value))


def _literal(value: str, indent: int) -> str:
    """``|`` with its hints: an indentation digit when the text begins with a blank or break, ``-`` or ``+`` for its end."""
    hint = "2" if value[0] == " " or _BREAK.match(value) else ""
    if not _BREAK.fullmatch(value[-1]):
        hint += "-"
    elif len(value) == 1 or _BREAK.fullmatch(value[-2]):
        hint += "+"
    pad = " " * indent
    lines = [pad + line if line and not _BREAK.match(line) else line for line in _lines(value)]
    body = "".join(lines)
    return f"|{hint}\n{body}" if _BREAK.fullmatch(value[-1]) else f"|{hint}\n{body}\n"


def _lines(value: str) -> list[str]:
    return re.findall(r"[^\r\n\x85\u2028\u2029]*[\r\n\x85\u2028\u2029]|[^\r\n\x85\u2028\u2029]+$", value)


def _folded(value: str, indent: int, *, column: int, quoted: bool) -> str:
    """Broken at single blanks beyond the best width."""
    if column + len(value) <= BEST_WIDTH or " " not in value:
        return value
    last = len(value) - 1
    return _fold(
        value,
        indent,
        column=column,
        may_break=lambda at: not value.startswith(" ", at + 1) and (not quoted or 0 < at < last),
    )


def _fold(value: str, indent: int, *, column: int, may_break: Callable[[int], bool]) -> str:
    out: list[str] = []
    after_space = False
    for at, letter in enumerate(value):
        if letter != " ":
            after_space = False
        elif not after_space and column > BEST_WIDTH and may_break(at):
            out.append("\n" + " " * indent)
            column = indent
            after_space = True
            continue
        else:
            after_space = True
        out.append(letter)
        column += 1
    return "".join(out)


def _double_quoted(value: str, indent: int, *, column: int) -> str:
    out = ['"']
    column += 1
    after_space = False
    last = len(value) - 1
    for at, letter in enumerate(value):
        if letter == " " and not after_space and column > BEST_WIDTH and 0 < at < last:
            follows = value.startswith(" ", at + 1)
            out.append("\n" + " " * indent + ("\\" if follows else ""))
            column = indent + (1 if follows else 0)
            after_space = True
            continue
        piece = _escape(letter) if _escaped(letter) else letter
        out.append(piece)
        column += len(piece)
        after_space = letter == " "
    out.append('"')
    return "".join(out)


# Patterns of wide ranges take as long to compile as a manifest to read: they are made for the first text that is not ASCII alone.


@cache
def _unprintable_anywhere() -> re.Pattern[str]:
    return re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


@cache
def _escaped_anywhere() -> re.Pattern[str]:
    return re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


def _unprintable(text: str) -> bool:
    pattern = _UNPRINTABLE_ASCII if text.isascii() else _unprintable_anywhere()
    return pattern.search(text) is not None


def _escaped(letter: str) -> bool:
    """Whether a letter cannot stand for itself between double quotes."""
    if letter.isascii():
        return not " " <= letter <= "~" or letter in '"\\'
    return _escaped_anywhere().match(letter) is not None


def _escape(letter: str) -> str:
    number = ord(letter)
    if number in _ESCAPES:
        return "\\" + _ESCAPES[number]
    if number <= 0xFF:
        return f"\\x{number:02X}"
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"


# --- order of keys ------------------------------------------------------------------------------------------------------------------


def sorted_keys(value: Mapping[Any, Json]) -> list[Any]:
    """Keys in go-yaml's order: numbers and booleans first, digits inside text by their number, letters after signs."""
    keys = list(value)
    if len(keys) < 2:
        return keys
    if all(isinstance(key, str) and _sorts_by_letters(key) for key in keys):
        return sorted(keys)
    return sorted(keys, key=cmp_to_key(_compare))


@lru_cache(4096)
def _sorts_by_letters(key: str) -> bool:
    return bool(_SIMPLE_KEY.fullmatch(key))


def _compare(one: Any, other: Any) -> int:
    if _less(one, other):
        return -1
    return 1 if _less(other, one) else 0


_KIND_ORDER: Final = {type(None): 0, bool: 1, int: 2, float: 14, str: 24}
"""Go's reflect.Kind numbers, which decide between keys of different kinds."""


def _less(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _text_less(one, other)
    if isinstance(one, int | float) and isinstance(other, int | float):
        if float(one) != float(other):
            return float(one) < float(other)
        return _KIND_ORDER[type(one)] < _KIND_ORDER[type(other)]
    return _KIND_ORDER[type(one)] < _KIND_ORDER[type(other)]


def _text_less(one: str, other: str) -> bool:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            continue
        a_letter, b_letter = a.isalpha(), b.isalpha()
        if a_letter and b_letter:
            return a < b
        if a_letter or b_letter:
            return b_letter
        return _numbered_less(one, other, at)
    return len(one) < len(other)


def _numbered_less(one: str, other: str, at: int) -> bool:
    """The first difference, at ``at``, is no letter: compare runs of digits by value, then by length."""
    a_value = b_value = _inside_number(one, at) if "0" in {one[at], other[at]} else 0
    a_end, a_value = _run(one, at, a_value)
    b_end, b_value = _run(other, at, b_value)
    if a_value != b_value:
        return a_value < b_value
    if a_end != b_end:
        return a_end < b_end
    return one[at] < other[at]


def _inside_number(text: str, at: int) -> int:
    """1 when a digit other than 0 leads up to ``at``, so that a following 0 counts."""
    at -= 1
    while at >= 0 and text[at].isdecimal():
        if text[at] != "0":
            return 1
        at -= 1
    return 0


def _run(text: str, at: int, value: int) -> tuple[int, int]:
    while at < len(text) and text[at].isdecimal():
        value = value * 10 + ord(text[at]) - ord("0")
        at += 1
    return at, value
