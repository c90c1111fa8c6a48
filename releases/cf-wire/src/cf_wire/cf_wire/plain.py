"""Frozen dataclasses to and from plain JSON, following the habits of Go's encoder, which wrote these wires first.

A class may say in `WIRE` how it differs from the default, which is that each attribute has the same name on the wire and is
always written. Reading accepts what Go accepts: unknown keys are passed over, keys may be in
another case, and null means the default.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")
Converter = Callable[[Any], Any]


class WireError(ValueError):
    """What arrived is not what this wire carries."""


@dataclass(frozen=True)
class Wire:
    """How a class looks on the wire.

    Attributes:
        names: attribute → key, where they differ.
        inline: attributes whose own keys appear beside ours (Go: embedded structs).
        omit_empty: attributes left out when empty; True for all. Objects are only left out when None, as in Go.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    inline: frozenset[str] = frozenset()
    omit_empty: frozenset[str] | bool = frozenset()

    def omits(self, attribute: str) -> bool:
        """Whether an empty `attribute` is left out."""
        return self.omit_empty if isinstance(self.omit_empty, bool) else attribute in self.omit_empty


AS_NAMED = Wire()


def to_plain(value: Any) -> Any:
    """Return what a JSON encoder takes for a dataclass, or for tuples and mappings of them."""
    if hasattr(value, "__dataclass_fields__"):
        return _object_to_plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list, frozenset)):
        return [to_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in value.items()}
    return value


def _object_to_plain(value: Any) -> dict[str, Any]:
    if hasattr(value, "plain"):
        return value.plain()  # type: ignore[no-any-return]
    result: dict[str, Any] = {}
    for attribute, key, inline, omits in _layout(cast("Any", type(value))):
        held = getattr(value, attribute)
        if inline:
            result.update(_object_to_plain(held))
        elif not omits(held):
            result[key] = to_plain(held)
    return result


def _never(_value: Any) -> bool:
    return False


def _absent(value: Any) -> bool:
    return value is None


def _empty(value: Any) -> bool:
    return not hasattr(value, "__dataclass_fields__") and not value


@cache
def _layout(kind: Any) -> tuple[tuple[str, str, bool, Converter], ...]:
    """Return (attribute, key, inline, "is this value left out?") of each field."""
    wire: Wire = getattr(kind, "WIRE", AS_NAMED)
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            one.name,
            wire.names.get(one.name, one.name),
            one.name in wire.inline,
            _omission(wire, one.name, hints[one.name]),
        )
        for one in fields(kind)
    )


def _omission(wire: Wire, attribute: str, hint: Any) -> Converter:
    if not wire.omits(attribute):
        return _never
    # None stands for Go's nil pointer; a pointer to zero is written.
    return _absent if _is_optional(hint) else _empty


def from_plain(kind: type[T], data: Any) -> T:
    """Read one object of `kind` from decoded JSON.

    Raises:
        WireError: a value has another type than this wire carries, or a key without a default is missing.
    """
    read: Callable[[Any], T] = _reader(cast("Any", kind))
    return read(data)


@cache
def _reader(kind: Any) -> Converter:
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return _optional(_reader(next(one for one in arguments if one is not type(None))))
    if origin in {tuple, frozenset}:
        return _several(origin, _reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(arguments[1]))
    if hasattr(kind, "from_plain"):
        return kind.from_plain  # type: ignore[no-any-return]
    if hasattr(kind, "__dataclass_fields__"):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind)
    return _scalar(kind)


def _optional(read: Converter) -> Converter:
    return lambda data: None if data is None else read(data)


def _several(into: Callable[[Any], Any], read: Converter) -> Converter:
    def convert(data: Any) -> Any:
        if data is None:
            return into(())
        if not isinstance(data, list):
            raise WireError(f"expected a list, got {data!r}")
        return into([read(one) for one in data])

    return convert


def _mapping(read: Converter) -> Converter:
    def convert(data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise WireError(f"expected an object, got {data!r}")
        return {key: read(one) for key, one in data.items()}

    return convert


def _choice(kind: type[Enum]) -> Converter:
    def convert(data: Any) -> Any:
        try:
            return kind(data)
        except ValueError as error:
            raise WireError(f"expected one of {[one.value for one in kind]}, got {data!r}") from error

    return convert


def _scalar(kind: Any) -> Converter:
    if kind is Any:
        return lambda data: data

    def convert(data: Any) -> Any:
        if kind is float and type(data) is int:
            return float(data)
        if type(data) is not kind:
            raise WireError(f"expected {kind.__name__}, got {data!r}")
        return data

    return convert


def _object(kind: Any) -> Converter:
    hints = typing.get_type_hints(kind)
    layout = [
        (attribute, key, inline, _reader(hints[attribute]), _has_default(kind, attribute))
        for attribute, key, inline, _ in _layout(kind)
    ]

    def convert(data: Any) -> Any:
        if not isinstance(data, dict):
            raise WireError(f"expected an object for {kind.__name__}, got {data!r}")
        given: dict[str, Any] = {}
        for attribute, key, inline, read, has_default in layout:
            if inline:
                given[attribute] = read(data)
                continue
            held = data[key] if key in data else _in_other_case(data, key)
            if held is not None:
                given[attribute] = _named(read, held, kind, key)
            elif not has_default:
                raise WireError(f"{kind.__name__} misses {key}")
        return kind(**given)

    return convert


def _in_other_case(data: Mapping[str, Any], key: str) -> Any:
    """Find a key as Go's decoder does, to which case means nothing: Garden answers "Handle" where its client reads "handle"."""
    wanted = key.lower()
    return next((held for other, held in data.items() if other.lower() == wanted), None)


def _named(read: Converter, held: Any, kind: Any, key: str) -> Any:
    try:
        return read(held)
    except WireError as error:
        raise WireError(f"{kind.__name__}.{key}: {error}") from error


def _has_default(kind: Any, attribute: str) -> bool:
    one = kind.__dataclass_fields__[attribute]
    return one.default is not MISSING or one.default_factory is not MISSING


def _is_optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)
