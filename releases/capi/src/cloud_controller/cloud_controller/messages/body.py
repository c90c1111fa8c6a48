"""Checks a request's JSON body field by field and collects what is wrong, in the original's words.

Fields that a body leaves out are ``UNSET``; ``null`` is None. A check that fails notes its sentence and gives back a harmless value;
``finish`` then refuses the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from cloud_controller import errors
from cloud_controller.state.labels import Metadata
from cloud_controller.state.store import Record

T = TypeVar("T")

LABEL_LIMIT = 50
ANNOTATION_LIMIT = 200
ANNOTATION_VALUE_LIMIT = 5000
_LABEL_WORD = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")
_PREFIX = re.compile(r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)+$")
_RESERVED_PREFIXES = ("cloudfoundry.org",)


def given(**values: Any) -> Record:
    """The values that a request sets."""
    return {name: value for name, value in values.items() if value is not UNSET}


def or_else(value: T | UnsetType | None, default: T) -> T:
    """A value, or the default when it is absent or null."""
    return default if isinstance(value, UnsetType) or value is None else value


class Body:
    """One object of a body."""

    def __init__(self, raw: Mapping[str, Any], allowed: Iterable[str], *, prefix: str = "") -> None:
        self._raw = raw
        self._prefix = prefix
        self.problems: list[str] = []
        unknown = [key for key in raw if key not in set(allowed)]
        if unknown:
            self.note(f"Unknown field(s): {', '.join(repr(key) for key in unknown)}")

    def note(self, problem: str) -> None:
        """Something is wrong."""
        self.problems.append(self._prefix + problem)

    def finish(self) -> None:
        """Refuse the request if anything is wrong.

        Raises:
            ApiError: 422 with every problem.
        """
        if self.problems:
            raise errors.unprocessable(*self.problems)

    def has(self, key: str) -> bool:
        """Whether the body names the field."""
        return key in self._raw

    def raw(self, key: str) -> Any:
        """The field as it came, or UNSET."""
        return self._raw.get(key, UNSET)

    def name(self, key: str = "name", *, limit: int = 255) -> str:
        """A text that has to be there."""
        value = self._raw.get(key)
        title = _title(key)
        if value is None or value == "":
            self.note(f"{title} can't be blank")
        elif not isinstance(value, str):
            self.note(f"{title} must be a string")
        elif len(value) > limit:
            self.note(f"{title} is too long (maximum is {limit} characters)")
        else:
            return value
        return ""

    def new_name(self, key: str = "name", *, limit: int = 255) -> str | UnsetType:
        """A text that may be left out but not emptied."""
        return self.name(key, limit=limit) if self.has(key) else UNSET

    def text(self, key: str, *, limit: int = 4096) -> str | UnsetType | None:
        """A text or null."""
        value = self.raw(key)
        if isinstance(value, str) and len(value) > limit:
            self.note(f"{_title(key)} is too long (maximum is {limit} characters)")
        elif value is not UNSET and value is not None and not isinstance(value, str):
            self.note(f"{_title(key)} must be a string")
        else:
            return value
        return UNSET

    def choice(self, key: str, choices: Iterable[str]) -> str | UnsetType:
        """One of some words."""
        value: str | UnsetType = self.raw(key)
        if value is UNSET or value in tuple(choices):
            return value
        self.note(f"{_title(key)} must be one of: {', '.join(choices)}")
        return UNSET

    def integer(self, key: str, *, minimum: int = 0, maximum: int = 2**53) -> int | UnsetType | None:
        """A whole number or null."""
        value = self.raw(key)
        if value is UNSET or value is None:
            return value
        title = _title(key)
        if isinstance(value, bool) or not isinstance(value, int):
            self.note(f"{title} is not a number")
        elif value < minimum:
            self.note(f"{title} must be greater than or equal to {minimum}")
        elif value > maximum:
            self.note(f"{title} must be less than or equal to {maximum}")
        else:
            return value
        return UNSET

    def flag(self, key: str) -> bool | UnsetType:
        """True or false."""
        value = self.raw(key)
        if value is not UNSET and not isinstance(value, bool):
            self.note(f"{_title(key)} must be a boolean")
            return UNSET
        return value

    def mapping(self, key: str) -> Record | UnsetType | None:
        """An object or null."""
        value = self.raw(key)
        if value is not UNSET and value is not None and not isinstance(value, dict):
            self.note(f"{_title(key)} must be an object")
            return UNSET
        return value

    def items(self, key: str) -> list[Any] | UnsetType | None:
        """A list or null."""
        value = self.raw(key)
        if value is not UNSET and value is not None and not isinstance(value, list):
            self.note(f"{_title(key)} must be an array")
            return UNSET
        return value

    def strings(self, key: str) -> list[str] | UnsetType | None:
        """A list of texts or null."""
        value = self.items(key)
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            self.note(f"{_title(key)} can only contain strings")
            return UNSET
        return value

    def inner(self, key: str, allowed: Iterable[str]) -> Body:
        """An object within this one; its problems count here too."""
        value = self.mapping(key)
        inner = Body(value if isinstance(value, dict) else {}, allowed, prefix=f"{self._prefix}{_title(key)} ")
        inner.problems, already = self.problems, inner.problems
        self.problems.extend(already)
        return inner

    def to_one(self, name: str, *, required: bool = True) -> str | None:
        """The guid of ``relationships.<name>.data``; None when it is null (or, if allowed, left out)."""
        if required and not self.has("relationships"):
            self.note("Relationships is not an object")
            return ""
        data = _dig(self._raw, "relationships", name, "data")
        if isinstance(data, dict) and isinstance(data.get("guid"), str) and data["guid"]:
            return str(data["guid"])
        if required or data is not None:
            self.note(
                f'Relationships {_title(name)} must be structured like this: "{name}: {{"data": {{"guid": "valid-guid"}}}}"'
            )
        return None

    def has_relationship(self, name: str) -> bool:
        """Whether the body says anything about a relationship."""
        relationships = self._raw.get("relationships")
        return isinstance(relationships, dict) and name in relationships

    def to_many(self, name: str) -> list[str]:
        """The guids of ``relationships.<name>.data``."""
        return self._guids(_dig(self._raw, "relationships", name, "data"), name)

    def data_guids(self) -> list[str]:
        """The guids of ``data``: the body of requests to ``…/relationships/…``."""
        return self._guids(self._raw.get("data"), "data")

    def _guids(self, data: Any, name: str) -> list[str]:
        if data is None:
            return []
        if not isinstance(data, list) or not all(
            isinstance(item, dict) and isinstance(item.get("guid"), str) for item in data
        ):
            self.note(
                f'{_title(name)} must be structured like this: "{name}: {{"data": [{{"guid": "valid-guid"}},{{"guid": "valid-guid"}}]}}"'
            )
            return []
        return [item["guid"] for item in data]

    def data_guid(self) -> str | None:
        """The guid of ``data``, or None for null."""
        data = self._raw.get("data")
        if data is None:
            return None
        if isinstance(data, dict) and isinstance(data.get("guid"), str):
            return str(data["guid"])
        self.note('Data must be structured like this: "data": {"guid": "valid-guid"}')
        return None

    def metadata(self) -> Metadata:
        """``metadata.labels`` and ``metadata.annotations``."""
        value = self._raw.get("metadata")
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.note("Metadata must be an object")
            return {}
        checked, problems = check_metadata(value)
        self.problems.extend(f"Metadata {problem}" for problem in problems)
        return checked


def check_metadata(value: Mapping[str, Any]) -> tuple[Metadata, list[str]]:
    """Labels and annotations, and what is wrong with them."""
    problems = [f"unknown field(s): '{key}'" for key in value if key not in {"labels", "annotations"}]
    checked: Metadata = {}
    for entry, limit in (("labels", LABEL_LIMIT), ("annotations", ANNOTATION_LIMIT)):
        entries = value.get(entry) or {}
        if not isinstance(entries, dict):
            problems.append(f"'{entry}' is not an object")
            continue
        if len(entries) > limit:
            problems.append(f"{entry} has too many entries (maximum is {limit})")
        for key, text in entries.items():
            problems += _key_problems(entry, str(key)) + _value_problems(entry, key, text)
        checked[entry] = {str(key): None if text is None else str(text) for key, text in entries.items()}
    return checked, problems


def _key_problems(entry: str, key: str) -> list[str]:
    prefix, slash, word = key.rpartition("/")
    noun = entry.removesuffix("s")
    if slash and (not _PREFIX.match(prefix) or len(prefix) > 253):
        return [f"{noun} key error: prefix '{prefix}' must be in valid dns format"]
    if slash and prefix.lower() in _RESERVED_PREFIXES:
        return [f"{noun} key error: prefix '{prefix}' is reserved"]
    if not _LABEL_WORD.match(word):
        return [f"{noun} key error: '{word[:64]}' contains invalid characters"]
    return []


def _value_problems(entry: str, key: str, text: Any) -> list[str]:
    if text is None:
        return []
    if isinstance(text, dict | list):
        return [f"{entry.removesuffix('s')} value error: '{key}' is not a string"]
    if entry == "labels" and str(text) and not _LABEL_WORD.match(str(text)):
        return [f"label value error: '{str(text)[:64]}' contains invalid characters"]
    if entry == "annotations" and len(str(text)) > ANNOTATION_VALUE_LIMIT:
        return [f"annotation value error: '{str(text)[:8]}...' is greater than {ANNOTATION_VALUE_LIMIT} characters"]
    return []


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _title(key: str) -> str:
    return key.replace("_", " ").capitalize()
