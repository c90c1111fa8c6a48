"""What a bare word means: YAML 1.1 as go-yaml v2 reads it (gopkg.in/yaml.v2: resolve.go).

A bare ``y``, ``no``, ``on`` … is a boolean, ``010`` is eight, ``1_000`` a thousand; timestamps stay text.
"""

from __future__ import annotations

import math
import re
from typing import Final

Scalar = str | int | float | bool | None

TAG_PREFIX: Final = "tag:yaml.org,2002:"


def _words() -> dict[str, Scalar]:
    table: dict[str, Scalar] = {"": None, "~": None, ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan}
    for words, value in (("y yes true on", True), ("n no false off", False), ("null", None)):
        for word in words.split():
            table |= dict.fromkeys((word, word.capitalize(), word.upper()), value)
    for word in (".inf", ".Inf", ".INF"):
        table |= {word: math.inf, f"+{word}": math.inf, f"-{word}": -math.inf}
    return table


WORDS: Final = _words()

_NUMBER_START = frozenset("+-0123456789.")
_TIMESTAMP = re.compile(
    r"\d{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12]\d|3[01])"
    r"(?:[Tt](?:[01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| (?:[01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d(?:\.\d+)?)?"
)
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def plain_value(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text in WORDS:
        return WORDS[text]
    if text[0] in _NUMBER_START and not _TIMESTAMP.fullmatch(text):
        return _number(text)
    return text


def is_timestamp(text: str) -> bool:
    """Whether the unquoted text would be a point in time; it is read as text, but text like it is written quoted."""
    return bool(_TIMESTAMP.fullmatch(text))


def reads_as_text(text: str) -> bool:
    """Whether the unquoted text comes back as the same text, so that it needs no quotes (gopkg.in/yaml.v2: encode.go stringv)."""
    if text in WORDS or text == "<<":
        return False
    if text[0] not in _NUMBER_START:
        return True
    return not is_timestamp(text) and isinstance(_number(text), str) and not _BASE60.fullmatch(text)


def tagged_value(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag.

    Raises:
        ValueError: the text is not of that kind.
    """
    if not tag.startswith(TAG_PREFIX):
        return text
    kind = tag.removeprefix(TAG_PREFIX)
    if kind in {"str", "timestamp"}:
        return text
    if kind == "binary":
        return _binary(text)
    value = plain_value(text)
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(kind)
    if wanted is None:
        return text
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise ValueError(f"cannot decode `{text}` as a !!{kind}")
    return value


def _binary(text: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("!!binary value contains invalid base64 data") from error


def _number(text: str) -> Scalar:
    """An integer of at most 64 bits, else a float, else the text itself."""
    if text[0] == ".":
        return _float(text, text)
    digits = text.replace("_", "")
    whole = _INTEGER.fullmatch(digits)
    if whole:
        value = _whole(whole)
        if -(2**63) <= value < 2**63 or (value < 2**64 and not whole[1]):
            return value
    return _float(digits, text)


def _whole(match: re.Match[str]) -> int:
    sign, hexadecimal, binary, octal, old_octal, decimal = match.groups()
    for digits, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (old_octal, 8), (decimal, 10)):
        if digits is not None:
            return -int(digits, base) if sign == "-" else int(digits, base)
    raise AssertionError("one group always matches")


def _float(digits: str, text: str) -> Scalar:
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    return text if math.isinf(value) else value
