"""Label selectors: ``env=prod,tier in (web,api),!legacy`` (cloud_controller_ng: docs/v3 concepts, metadata)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloud_controller import errors

_SET = re.compile(r"^(?P<key>[^!=\s,()]+)\s+(?P<verb>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^!=\s,()]+)\s*(?P<verb>==|=|!=)\s*(?P<value>[^!=\s,()]*)$")
_EXISTS = re.compile(r"^(?P<no>!)?(?P<key>[^!=\s,()]+)$")
_COMMA_OUTSIDE_BRACKETS = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True)
class Requirement:
    """A label must (or, negated, must not) be there, with one of the values if any are given."""

    key: str
    values: tuple[str, ...] = ()
    negated: bool = False


def parse(selector: str) -> list[Requirement]:
    """The requirements of a selector; all of them have to be met.

    Raises:
        ApiError: the text is no selector.
    """
    parts = [part.strip() for part in _COMMA_OUTSIDE_BRACKETS.split(selector)]
    if not selector.strip():
        raise errors.bad_query("Missing label_selector value")
    return [_requirement(part) for part in parts]


def _requirement(part: str) -> Requirement:
    if match := _SET.match(part):
        values = tuple(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["verb"] == "notin")
    if match := _EQUAL.match(part):
        return Requirement(match["key"], (match["value"],), negated=match["verb"] == "!=")
    if match := _EXISTS.match(part):
        return Requirement(match["key"], negated=bool(match["no"]))
    raise errors.bad_query("Invalid label_selector value")
