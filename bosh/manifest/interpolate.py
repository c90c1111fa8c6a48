"""Variables and ops files into a template, as the ``bosh`` CLI does it (bosh-cli: director/template/template.go).

A value that is one ``((name))`` takes the variable's value with its type; inside longer text only text and whole numbers may stand.
What is found is not searched for variables again. The options of an entry under ``variables:`` may refer to other variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from bosh.manifest.emit import dump
from bosh.manifest.patch import Operation, PatchError, apply, find, go_type
from bosh.manifest.pointer import Index, Key, Match, Pointer, pointer
from bosh.manifest.values import clone
from bosh.wire.errors import BoshError

if TYPE_CHECKING:
    from bosh.manifest.model import Json

_VARIABLE = re.compile(r"\(\( ?(!?(?:[-/.0-9A-Za-z_]|[^\W\d_])+) ?\)\)")


class InterpolationError(BoshError):
    """A variable is missing, unused, of the wrong type, or refers to itself; what led to it is chained as the cause."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An entry under ``variables:``, or, with only a name, any variable."""

    name: str
    type: str = ""
    options: Json = None


class Variables(Protocol):
    """A source of variables."""

    def get(self, definition: Definition) -> tuple[Json, bool]:
        """The value, and whether there is one. A store may generate it when the definition has a type."""
        ...

    def names(self) -> Iterable[str]: ...


@runtime_checkable
class LooksElsewhere(Protocol):
    """A source that needs other variables to make its own, as a certificate needs its CA."""

    def look_through(self, variables: Variables) -> None:
        """Ask these for what it does not hold itself."""
        ...


class StaticVariables:
    """Given values; a name ``a.b`` sets key ``b`` of variable ``a``."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        self._values: dict[str, Json] = {}
        for name in sorted(values, key=str):
            self._set(str(name).split("."), values[name])

    def _set(self, parts: list[str], value: Json) -> None:
        target: Any = self._values
        for part in parts[:-1]:
            inner = target.get(part, {})
            if not isinstance(inner, dict):
                raise InterpolationError(f"cannot set variable '{'.'.join(parts)}': '{part}' is {go_type(inner)}")
            # A copy: the values given may be shared with other sources.
            target[part] = dict(inner)
            target = target[part]
        target[parts[-1]] = value

    def get(self, definition: Definition) -> tuple[Json, bool]:
        return self._values.get(definition.name), definition.name in self._values

    def names(self) -> Iterable[str]:
        return self._values


class FirstFound:
    """Several sources; the first that has a variable wins."""

    def __init__(self, sources: Sequence[Variables]) -> None:
        self._sources = sources
        for source in sources:
            if isinstance(source, LooksElsewhere):
                source.look_through(self)

    def get(self, definition: Definition) -> tuple[Json, bool]:
        for source in self._sources:
            value, found = source.get(definition)
            if found:
                return value, True
        return None, False

    def names(self) -> Iterable[str]:
        return [name for source in self._sources for name in source.names()]


def evaluate(
    document: Json,
    variables: Variables,
    ops: Iterable[Operation] = (),
    *,
    path: str = "",
    expect_all_found: bool = False,
    expect_all_used: bool = False,
) -> Json:
    """The document with ops applied and variables put in; the given one is changed on the way.

    Args:
        path: an ops-file path, what is there is the result.
        expect_all_found, expect_all_used: ``--var-errs`` and ``--var-errs-unused``.

    Raises:
        PatchError: an operation or the path does not fit.
        InterpolationError: see there; missing and unused variables are reported together.
    """
    document = apply(ops, document)
    tracker = _Tracker(variables, _definitions(document))
    tracker.generate()
    document = _interpolated(document, tracker)
    document = tracker.without_found(document)
    tracker.check(missing=expect_all_found, unused=expect_all_used)
    return find(pointer(path), document) if path else document


def rendered(value: Json, *, path: str = "") -> str:
    """As ``bosh int`` prints it: text found by a path as it is, everything else as YAML."""
    return f"{value}\n" if path and isinstance(value, str) else dump(value)


def _definitions(document: Json) -> dict[str, Definition]:
    """By name, in the order written; of several with one name the first counts."""
    entries = document.get("variables") if isinstance(document, dict) else None
    if entries is None:
        return {}
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InterpolationError("cannot read 'variables': expected a list of maps")
    found: dict[str, Definition] = {}
    for entry in entries:
        name = str(entry.get("name") or "")
        found.setdefault(name, Definition(name, str(entry.get("type") or ""), clone(entry.get("options"))))
    return found


@dataclass(slots=True)
class _Tracker:
    """Looks variables up and remembers which were missing and which were asked for."""

    variables: Variables
    definitions: dict[str, Definition]
    asking: frozenset[str] = frozenset()
    """Variables whose options are being read."""
    missing: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    def get(self, name: str) -> tuple[Json, bool]:
        self.asked.add(name)
        if name in self.asking:
            raise InterpolationError("Detected recursion")
        definition = self.definitions.get(name) or Definition(name)
        if not _refers(definition.options):
            return self._ask(definition)
        inner = _Tracker(self.variables, self.definitions, self.asking | {name})
        try:
            options = _interpolated(clone(definition.options), inner)
        except InterpolationError as error:
            raise InterpolationError(f"Interpolating variable '{name}' definition options") from error
        return (None, False) if inner.missing else self._ask(Definition(name, definition.type, options))

    def _ask(self, definition: Definition) -> tuple[Json, bool]:
        value, found = self.variables.get(definition)
        if not found:
            self.missing.add(definition.name)
        return value, found

    def lookup(self, name: str) -> tuple[Json, bool]:
        """The value of ``a.b.c``: what is under keys ``b`` and ``c`` of variable ``a``."""
        first, *rest = name.split(".")
        value, found = self.get(first)
        if not found or not rest:
            return value, found
        path = pointer("/" + "/".join(rest))
        try:
            return find(path, value), True
        except PatchError:
            # A whole number may be meant as a key.
            return find(_keys_only(path), value), True

    def generate(self) -> None:
        """Ask for every variable with a type, in the order written, so that a store makes them in that order."""
        for definition in self.definitions.values():
            if definition.type:
                self._get_defined(definition.name)

    def without_found(self, document: Json) -> Json:
        """The document without the entries under ``variables:`` that have a value."""
        found = [definition.name for definition in self.definitions.values() if self._get_defined(definition.name)[1]]
        removals = [Operation("remove", (Key("variables"), Match("name", name))) for name in found]
        return apply(removals, document)

    def _get_defined(self, name: str) -> tuple[Json, bool]:
        try:
            return self.get(name)
        except InterpolationError as error:
            raise InterpolationError("Getting all variables from variable definitions sections") from error

    def check(self, *, missing: bool, unused: bool) -> None:
        wrong = []
        if missing and self.missing:
            wrong.append(_listed("Expected to find variables", self.missing))
        left = set(self.variables.names()) - self.asked if unused else set()
        if left:
            wrong.append(_listed("Expected to use variables", left))
        if wrong:
            raise InterpolationError("\n".join(wrong))


def _listed(title: str, names: Iterable[str]) -> str:
    """As the CLI prints several errors that each have several causes."""
    return f"- {title}:" + "".join(f"\n    - {name}" for name in sorted(names))


def _refers(value: Json) -> bool:
    """Whether there may be a reference somewhere in it."""
    if isinstance(value, str):
        return "((" in value
    if isinstance(value, dict):
        return any(_refers(key) or _refers(child) for key, child in value.items())
    return isinstance(value, list) and any(_refers(child) for child in value)


def _keys_only(path: Pointer) -> Pointer:
    return tuple(Key(str(token.index)) if isinstance(token, Index) else token for token in path)


def _interpolated(value: Json, tracker: _Tracker) -> Json:
    """The value with variables put in, keys of maps included; maps and lists are changed in place."""
    if isinstance(value, str):
        return _text(value, tracker) if "((" in value else value
    if isinstance(value, dict):
        _map(value, tracker)
    elif isinstance(value, list):
        for at, child in enumerate(value):
            if not isinstance(child, str) or "((" in child:
                value[at] = _interpolated(child, tracker)
    return value


def _map(entries: dict[Any, Json], tracker: _Tracker) -> None:
    renamed = []
    for key, child in entries.items():
        if not isinstance(child, str) or "((" in child:
            entries[key] = _interpolated(child, tracker)
        if isinstance(key, str) and "((" in key:
            renamed.append(key)
    for key in renamed:
        new = _interpolated(key, tracker)
        if isinstance(new, dict | list):
            raise InterpolationError(f"cannot use variable {key} as a key: it is {go_type(new)}")
        entries[new] = entries.pop(key)


def _text(text: str, tracker: _Tracker) -> Json:
    whole = bool(_VARIABLE.fullmatch(text))
    for name in [found.removeprefix("!") for found in _VARIABLE.findall(text)]:
        try:
            value, found = tracker.lookup(name)
        except (InterpolationError, PatchError) as error:
            raise InterpolationError(f"Finding variable '{name}'") from error
        if not found:
            continue
        if whole:
            return value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InterpolationError(_WRONG_TYPE.format(type=go_type(value), value=_shown(value), name=name))
        # The forms with blanks inside are left, as in the original.
        text = text.replace(f"(({name}))", str(value)).replace(f"((!{name}))", str(value))
    return text


_WRONG_TYPE: Final = (
    "Invalid type '{type}' for value '{value}' and variable '{name}'. "
    "Supported types for interpolation within a string are integers and strings."
)


def _shown(value: Json) -> str:
    """As Go's ``%v`` prints it."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + " ".join(_shown(child) for child in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{_shown(key)}:{_shown(value[key])}" for key in sorted(value, key=str)) + "]"
    return dump(value).strip() if isinstance(value, float) else str(value)
