"""All of YAML 1.1 through libyaml, as go-yaml v2 understands it, with places on request and faults with line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from yaml._yaml import CParser

from bosh.manifest.faults import ManifestFaults, Path, Place, path_text
from bosh.manifest.model import Fault, Json
from bosh.manifest.scalars import WORDS, plain_value, tagged_value
from bosh.manifest.values import clone

INVALID_YAML: Final = 710000
"""InvalidYamlError"""

MAX_DEPTH: Final = 200
"""Nesting beyond this is an attack, not a manifest; it bounds our recursion."""

MAX_ALIASED_NODES: Final = 400_000
"""go-yaml v2 allows about as many (decode.go: alias_ratio_range_low); a billion laughs stops here."""


class _Anchor:
    """What an alias repeats, and of how many nodes it consists; unfinished while being read."""

    __slots__ = ("nodes", "value")

    def __init__(self) -> None:
        self.value: Json = None
        self.nodes = 0


class Reader:
    """Builds values from libyaml's events; several times faster than composing nodes first."""

    def __init__(
        self, text: str, source: str, *, allow_duplicates: bool, places: dict[Path, Place] | None = None
    ) -> None:
        self._source = source
        self._text = text
        self._allow_duplicates = allow_duplicates
        self._places = places
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._aliased = 0
        self._plain: dict[str, Json] = {}

    def document(self) -> Json:
        try:
            self._next: Callable[[], Any] = CParser(self._text).get_event
            return self._document()
        except yaml.MarkedYAMLError as error:
            raise self._fault(_reason(error), error.problem_mark or error.context_mark) from None
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            raise self._fault(str(error).splitlines()[0], None) from error

    def _document(self) -> Json:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        event = self._next()
        if self._places is not None:
            self._places[()] = (event.start_mark.line + 1, event.start_mark.column + 1)
        value = self._value(event, ())
        # Reading on to the end of the document finds trailing rubbish.
        self._next()
        return value

    def _fault(self, message: str, mark: Any, path: Path = ()) -> ManifestFaults:
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return ManifestFaults([Fault(self._source, line, column, path_text(path), message, INVALID_YAML)])

    def _value(self, event: Any, path: Path) -> Json:
        self._nodes += 1
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event, path)
            if event.anchor is not None:
                anchor = self._anchors[event.anchor] = _Anchor()
                anchor.value, anchor.nodes = value, 1
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event, path)
        if len(path) > MAX_DEPTH:
            raise self._fault(f"nested more than {MAX_DEPTH} levels deep", event.start_mark)
        if event.anchor is None:
            return self._mapping(path) if kind is yaml.MappingStartEvent else self._sequence(path)
        anchor = self._anchors[event.anchor] = _Anchor()
        before = self._nodes
        anchor.value = self._mapping(path) if kind is yaml.MappingStartEvent else self._sequence(path)
        anchor.nodes = self._nodes - before + 1
        return anchor.value

    def _scalar(self, event: Any, path: Path) -> Json:
        text: str = event.value
        if event.implicit[0]:
            plain = self._plain
            if text not in plain:
                plain[text] = plain_value(text)
            return plain[text]
        if event.tag is None or event.tag == "!":
            return text
        try:
            return tagged_value(event.tag, text)
        except ValueError as error:
            raise self._fault(str(error), event.start_mark, path) from error

    def _alias(self, event: Any, path: Path) -> Json:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise self._fault(f"unknown anchor '{event.anchor}' referenced", event.start_mark, path)
        if not anchor.nodes:
            raise self._fault(f"anchor '{event.anchor}' value contains itself", event.start_mark, path)
        self._nodes += anchor.nodes
        self._aliased += anchor.nodes
        if self._aliased > MAX_ALIASED_NODES:
            raise self._fault("document contains excessive aliasing", event.start_mark, path)
        # Each alias is a value of its own: an ops file that changes one must not change the others.
        return clone(anchor.value)

    def _sequence(self, path: Path) -> list[Json]:
        items: list[Json] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            inner = (*path, len(items))
            if self._places is not None:
                self._places[inner] = (event.start_mark.line + 1, event.start_mark.column + 1)
            items.append(self._value(event, inner))
        return items

    def _mapping(self, path: Path) -> dict[Any, Json]:
        result: dict[Any, Json] = {}
        own: set[Any] = set()
        while type(event := self._next()) is not yaml.MappingEndEvent:
            if _is_merge(event):
                self._merge(result, self._next(), path)
                continue
            key = self._key(event, path)
            if key in own and not self._allow_duplicates:
                raise self._fault(f'key "{key}" is there twice', event.start_mark, (*path, key))
            own.add(key)
            inner = (*path, key)
            if self._places is not None:
                self._places[inner] = (event.start_mark.line + 1, event.start_mark.column + 1)
            result[key] = self._value(self._next(), inner)
        return result

    def _key(self, event: Any, path: Path) -> Any:
        if type(event) is yaml.ScalarEvent and event.implicit[0] and event.anchor is None:
            text = event.value
            return text if text and text[0] > "9" and text not in WORDS else plain_value(text)
        key = self._value(event, (*path, "?"))
        if isinstance(key, dict | list):
            raise self._fault("a map or a list cannot be a key", event.start_mark, path)
        return key

    def _merge(self, result: dict[Any, Json], event: Any, path: Path) -> None:
        """Merged entries overwrite those written before them, as in go-yaml v2, and those of earlier list members win."""
        value = self._value(event, (*path, "<<"))
        for part in _merge_parts(value):
            if not isinstance(part, dict):
                raise self._fault("map merge requires map or sequence of maps as the value", event.start_mark, path)
            result.update(part)


def _is_merge(event: Any) -> bool:
    return type(event) is yaml.ScalarEvent and event.value == "<<" and event.implicit[0]


def _merge_parts(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        yield from reversed(value)
    else:
        yield value


def _reason(error: yaml.MarkedYAMLError) -> str:
    """What libyaml says is wrong, without the excerpt it appends."""
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(parts) or "not YAML"
