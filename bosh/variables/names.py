"""Names of variables inside values: which are there, and how ``name.key`` is followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bosh.manifest.faults import Path, path_text
from bosh.manifest.model import Json
from bosh.manifest.references import absolute_name, incorrect_name, references
from bosh.wire.errors import BoshError, ConfigServerMissingName


class ConfigServerFetchError(BoshError):
    """A variable has no value, or none under the key asked for."""

    code = 540001


class IncorrectNameSyntax(BoshError):
    code = 540004


class IncorrectVariablePlacement(BoshError):
    """A variable that is neither text nor a whole number stands inside text."""

    code = 540007


class InconsistentVariableState(BoshError):
    """A variable should be in a deployment's variable set and is not."""

    code = 540008


Lookup = Callable[[str], Json]
"""Absolute name with ``.key`` parts → value."""

_MISSING: Final = (ConfigServerMissingName, ConfigServerFetchError, InconsistentVariableState, IncorrectNameSyntax)


def root_of(name: str) -> str:
    """``/d/dep/cert`` of ``/d/dep/cert.ca``."""
    return name.partition(".")[0]


def follow(name: str, value: Json) -> Json:
    """The part of a variable's value that ``name`` asks for.

    Raises:
        ConfigServerFetchError: a part is no map, or has no such key.
    """
    root, *keys = name.split(".")
    parent = root
    for key in keys:
        if not isinstance(value, Mapping):
            raise ConfigServerFetchError(f"Failed to fetch variable '{root}': Expected parent '{parent}' to be a hash")
        if key not in value:
            raise ConfigServerFetchError(
                f"Failed to fetch variable '{root}': Expected parent '{parent}' hash to have key '{key}'"
            )
        value, parent = value[key], f"{parent}.{key}"
    return value


def full_name(reference: str, *, director: str, deployment: str) -> str:
    """The absolute name behind what stands between the brackets.

    Raises:
        IncorrectNameSyntax: it is no name.
    """
    wrong = incorrect_name(reference)
    if wrong:
        raise IncorrectNameSyntax(f"Variable name '{reference}' {wrong}")
    return absolute_name(reference.removeprefix("!"), director=director, deployment=deployment)


def resolved(value: Json, *, director: str, deployment: str, lookup: Lookup) -> Json:
    """A copy of the value with every ``((reference))`` replaced, keys of maps included.

    Raises:
        ConfigServerFetchError: one line per variable that has no value, each with the first place that asks for it.
        IncorrectVariablePlacement: one line per reference inside text whose value is neither text nor a whole number.
    """
    return _Resolving(director, deployment, lookup).all_of(value)


class _Resolving:
    """One pass over a value; problems are gathered and raised together at the end."""

    def __init__(self, director: str, deployment: str, lookup: Lookup) -> None:
        self._director = director
        self._deployment = deployment
        self._lookup = lookup
        self._values: dict[str, Json] = {}
        self._missing: dict[str, str] = {}
        self._misplaced: list[str] = []

    def all_of(self, value: Json) -> Json:
        result = self._walk(value, ())
        if self._missing:
            raise ConfigServerFetchError("\n".join(f"- {line}" for line in self._missing.values()))
        if self._misplaced:
            raise IncorrectVariablePlacement("\n".join(f"- {line}" for line in self._misplaced))
        return result

    def _walk(self, value: Json, path: Path) -> Json:
        if isinstance(value, str):
            return self._text(value, path) if "((" in value else value
        if isinstance(value, Mapping):
            return {self._key(key, path): self._walk(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [self._walk(child, (*path, at)) for at, child in enumerate(value)]
        return value

    def _key(self, key: Any, path: Path) -> Any:
        if not isinstance(key, str) or not (key.startswith("((") and key.endswith("))")):
            return key
        new = self._text(key, path)
        return key if isinstance(new, dict | list) else new

    def _text(self, text: str, path: Path) -> Json:
        names = references(text)
        for name in names:
            self._find(name, path)
        if any(name not in self._values for name in names):
            return text
        if len(names) == 1 and text == f"(({names[0]}))":
            return self._values[names[0]]
        for name in names:
            value = self._values[name]
            if isinstance(value, bool) or not isinstance(value, str | int):
                self._misplaced.append(
                    f"Failed to substitute variable: Can not replace '(({name}))' at {path_text(path)}. "
                    "The value should be a String or an Integer."
                )
        return _substituted(text, {name: str(self._values[name]) for name in names})

    def _find(self, name: str, path: Path) -> None:
        if name in self._values or name in self._missing:
            return
        try:
            full = full_name(name, director=self._director, deployment=self._deployment)
            self._values[name] = self._lookup(full)
        except _MISSING as error:
            where = path_text(path)
            self._missing[name] = f"{error.brief} (at {where})" if where else error.brief


def _substituted(text: str, values: Mapping[str, str]) -> str:
    """Replaced in one pass, so that a value that looks like a reference stays as it is."""
    out = []
    rest = text
    for name in references(text):
        before, _, rest = rest.partition(f"(({name}))")
        out += [before, values[name]]
    return "".join([*out, rest])
