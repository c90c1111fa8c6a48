"""YAML as the Go tools write and read it, so that files made here and there do not differ by a byte.

Facts from `gopkg.in/yaml.v2` as used by bosh-cli: lists are not indented under their key, a string that would read back as
something else is double-quoted, other strings are plain where YAML allows it, maps made from Go maps are sorted with digits counted as numbers.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_WORDS = frozenset(
    [
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "true",
        "True",
        "TRUE",
        "on",
        "On",
        "ON",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "false",
        "False",
        "FALSE",
        "off",
        "Off",
        "OFF",
        "~",
        "null",
        "Null",
        "NULL",
        "<<",
        ".nan",
        ".NaN",
        ".NAN",
        ".inf",
        ".Inf",
        ".INF",
        "+.inf",
        "+.Inf",
        "+.INF",
        "-.inf",
        "-.Inf",
        "-.INF",
    ]
)
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?\Z")


def needs_quotes(text: str) -> bool:
    """Whether a plain scalar with this text would read back as something other than a string (yaml.v2: resolve.go)."""
    if not text or text in _WORDS:
        return True
    if text[0] not in "+-0123456789.":
        return False
    digits = text.replace("_", "")
    return bool(_INTEGER.match(digits) or _FLOAT.match(digits) or _BASE_60.match(text) or _TIMESTAMP.match(text))


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if needs_quotes(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump(value: Any) -> str:
    """YAML text of maps, lists, strings, numbers and booleans; maps keep the order given."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1 << 30, allow_unicode=True)
    return text


class _TextLoader(yaml.CBaseLoader):
    """Scalars stay the text they are: a version ``1.10`` or a commit ``0123456`` is never a number."""


def _binary(loader: _TextLoader, node: yaml.ScalarNode) -> str:
    # The Ruby CLI wrote digests as `!binary |-`, sometimes with one exclamation mark only.
    text = loader.construct_scalar(node)
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise yaml.constructor.ConstructorError(None, None, f"not base64 text: {error}", node.start_mark) from error


_TextLoader.add_constructor("!binary", _binary)
_TextLoader.add_constructor("tag:yaml.org,2002:binary", _binary)


def load_texts(content: str | bytes) -> Any:
    """Read YAML with every scalar as its text.

    Raises:
        ValueError: not YAML; the message says where.
    """
    return _load(content, _TextLoader)


class _Loader(yaml.CSafeLoader):
    """Typed scalars, except that dates stay text: nothing in BOSH has a date type."""


def _as_text(_loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def load(content: str | bytes) -> Any:
    """Read YAML 1.1 with typed scalars.

    Raises:
        ValueError: not YAML; the message says where.
    """
    return _load(content, _Loader)


def _load(content: str | bytes, loader: Any) -> Any:
    try:
        return yaml.load(content, Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not readable as YAML: {error}") from error


def sorted_map(items: Mapping[str, Any]) -> dict[str, Any]:
    """The map in the order in which yaml.v2 writes a Go map."""
    return {key: items[key] for key in natural_order(items)}


def natural_order(keys: Iterable[str]) -> list[str]:
    """Letters by code point, runs of digits by their number, other characters before letters (yaml.v2: sorter.go)."""
    return sorted(keys, key=functools.cmp_to_key(_compare))


def _compare(left: str, right: str) -> int:
    for position, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        if a.isalpha() or b.isalpha():
            before = a < b if a.isalpha() and b.isalpha() else b.isalpha()
            return -1 if before else 1
        number_a, number_b = _number_at(left, right, position)
        return -1 if (number_a, a) < (number_b, b) else 1
    return len(left) - len(right)


def _number_at(left: str, right: str, position: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """For both texts: the number that starts at the first difference, and where its digits end."""
    lead = "1" if "0" in (left[position], right[position]) and _significant_before(left, position) else ""
    return _number(left, position, lead), _number(right, position, lead)


def _significant_before(text: str, position: int) -> bool:
    """Whether the digits that both texts share before the difference have a non-zero one among them."""
    digits = re.search(r"[0-9]*\Z", text[:position])
    return bool(digits and digits.group().strip("0"))


def _number(text: str, position: int, lead: str) -> tuple[int, int]:
    digits = re.match(r"[0-9]*", text[position:])
    run = digits.group() if digits else ""
    return int(f"{lead}{run}" or "0"), position + len(run)
