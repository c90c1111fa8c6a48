"""Walk a document and ask for what should be there; what is not becomes a fault, and the walk goes on.

Every question has a harmless answer for the case of a fault (empty text, zero, nothing), so that one run finds all faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from bosh.manifest.documents import Document
from bosh.manifest.faults import ManifestFaults, Path, closest, did_you_mean
from bosh.manifest.model import Fault, Json

T = TypeVar("T")

INVALID_TYPE: Final = 40000
MISSING_FIELD: Final = 40001
BELOW_MINIMUM: Final = 40002
EXTRA_FIELD: Final = 40004
INVALID_VALUE: Final = 40005

_KINDS: Final = (
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (Mapping, "a map"),
    (list, "a list"),
)


class _Required:
    """Marks a question without a default."""


REQUIRED: Final = _Required()


@dataclass(slots=True)
class Findings:
    """What was wrong, and what was merely odd, in the order found."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raises ManifestFaults when anything was wrong."""
        if self.faults:
            raise ManifestFaults(self.faults)


@dataclass(frozen=True, slots=True)
class Node:
    """A value at its place in a document."""

    document: Document
    path: Path
    value: Json
    findings: Findings

    # --- faults ---

    def fault(self, message: str, *, code: int, key: Any = None) -> None:
        """Record a fault at this node, or at its entry ``key``."""
        path = self.path if key is None else (*self.path, key)
        self.findings.faults.append(self.document.fault(path, message, code=code))

    def warn(self, message: str) -> None:
        self.findings.warnings.append(str(self.document.fault(self.path, message, code=0)))

    # --- structure ---

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, Mapping) and key in self.value

    def raw(self, key: str) -> Json:
        """The entry's value as it is; None when absent."""
        return self.value.get(key) if isinstance(self.value, Mapping) else None

    def child(self, key: str | int) -> Node:
        """The entry, whose value is None when absent."""
        value = self.value[key] if isinstance(key, int) else self.raw(key)
        return Node(self.document, (*self.path, key), value, self.findings)

    def is_map(self) -> bool:
        """Whether it is a map; a fault otherwise."""
        if isinstance(self.value, Mapping):
            return True
        self.fault(f"expected a map, found {kind_of(self.value)}", code=INVALID_TYPE)
        return False

    # --- questions about entries ---

    def text(self, key: str, default: str | _Required = REQUIRED) -> str:
        """A text; numbers are taken as text, as the original does."""
        value = self._entry(key, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self._wrong(key, "text", value, "" if isinstance(default, _Required) else default)
        return str(value)

    def integer(self, key: str, default: int | _Required = REQUIRED, *, least: int | None = None) -> int:
        value = self._entry(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            return self._wrong(key, "a whole number", value, 0 if isinstance(default, _Required) else default)
        if least is not None and value < least:
            self.fault(f"{value} is less than {least}", code=BELOW_MINIMUM, key=key)
            return least
        return value

    def boolean(self, key: str, default: bool | None = None) -> bool | None:  # noqa: FBT001
        value = self._entry(key, default)
        if value is None or isinstance(value, bool):
            return value
        return self._wrong(key, "a boolean", value, default)

    def mapping(self, key: str, default: Mapping[str, Json] | _Required = REQUIRED) -> Mapping[str, Json]:
        value = self._entry(key, default)
        if not isinstance(value, Mapping):
            empty: Mapping[str, Json] = {}
            return self._wrong(key, "a map", value, empty)
        return value

    def items(self, key: str, default: Sequence[Json] | _Required = REQUIRED) -> list[Node]:
        """The entries of a list."""
        value = self._entry(key, default)
        if not isinstance(value, list | tuple):
            return self._wrong(key, "a list", value, [])
        path = (*self.path, key)
        return [Node(self.document, (*path, index), item, self.findings) for index, item in enumerate(value)]

    def maps(self, key: str, default: Sequence[Json] | _Required = REQUIRED) -> list[Node]:
        """The entries of a list of maps; others are faults and left out."""
        return [item for item in self.items(key, default) if item.is_map()]

    def texts(self, key: str, default: Sequence[str] | _Required = REQUIRED) -> list[str]:
        """A list of texts; others are faults and left out."""
        return [text for item in self.items(key, default) if (text := item.as_text()) is not None]

    def as_text(self) -> str | None:
        if isinstance(self.value, str | int | float) and not isinstance(self.value, bool):
            return str(self.value)
        self.fault(f"expected text, found {kind_of(self.value)}", code=INVALID_TYPE)
        return None

    def entries(self, key: str) -> Iterator[tuple[str, Node]]:
        """Name and node of each entry of an optional map."""
        for name in self.mapping(key, {}):
            yield str(name), self.child(key).child(name)

    # --- unknown keys ---

    def known(self, keys: Iterable[str]) -> None:
        """Other keys are typing errors when they resemble a known one, else they are ignored, as in the original, and noted."""
        known = frozenset(keys)
        for key in self.value if isinstance(self.value, Mapping) else ():
            if key in known or str(key).startswith("x-"):
                continue
            meant = closest(str(key), known)
            if meant and meant not in self.value:
                self.fault(f'unknown key "{key}" (did you mean "{meant}"?)', code=EXTRA_FIELD, key=key)
            else:
                self.child(key).warn("unknown key, ignored")

    # --- inside ---

    def _entry(self, key: str, default: Any) -> Any:
        if isinstance(self.value, Mapping) and key in self.value:
            return self.value[key]
        if isinstance(default, _Required):
            if isinstance(self.value, Mapping):
                self.fault(f'"{key}" is missing', code=MISSING_FIELD)
            return _ABSENT
        return default

    def _wrong(self, key: str, wanted: str, value: Any, answer: T) -> T:
        if value is not _ABSENT:
            self.fault(f"expected {wanted}, found {kind_of(value)}", code=INVALID_TYPE, key=key)
        return answer


_ABSENT: Final = object()


def kind_of(value: Json) -> str:
    """For messages: ``a map``, ``text "abc"`` … Values that may be secret (long or structured) are not shown."""
    if value is None:
        return "nothing"
    kind = next((name for type_, name in _KINDS if isinstance(value, type_)), type(value).__name__)
    return kind if isinstance(value, Mapping | list) else f'{kind} "{value}"' if len(str(value)) <= 40 else kind


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """``no network "privat" (did you mean "private"?)``, or the known ones when they are few."""
    names = list(known)
    hint = did_you_mean(name, names)
    if not hint and 0 < len(names) <= 10:
        hint = f" (there {'is' if len(names) == 1 else 'are'}: {', '.join(names)})"
    return f'no {kind} "{name}"{hint}'


def merged(base: Mapping[str, Json], over: Mapping[str, Json]) -> dict[str, Json]:
    """``over`` laid on ``base``, maps merged through all levels."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(old := result.get(key), Mapping):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result
