"""``((variable))`` references that must be resolved before a manifest can be understood.

References under ``properties`` and ``env`` stay: they are resolved when templates are rendered and VMs created, for the variable set
of each instance. Everything else (an instance count, a network's range) is needed while parsing.
(bosh: config_server/variables_interpolator.rb, config_server_helper.rb)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bosh.manifest.documents import Document
from bosh.manifest.faults import Path
from bosh.manifest.model import Json
from bosh.manifest.reading import Findings
from bosh.wire.errors import BoshError

MISSING_NAME: Final = 540002
INCORRECT_NAME: Final = 540004
INCORRECT_PLACEMENT: Final = 540007

ANY: Final = "*"
Subtree = tuple[str, ...]

MANIFEST_KEPT: Final[tuple[Subtree, ...]] = (
    ("properties",),
    ("instance_groups", ANY, "properties"),
    ("instance_groups", ANY, "env"),
    ("instance_groups", ANY, "jobs", ANY, "properties"),
    ("instance_groups", ANY, "jobs", ANY, "consumes", ANY, "properties"),
    ("addons", ANY, "properties"),
    ("addons", ANY, "jobs", ANY, "properties"),
    ("addons", ANY, "jobs", ANY, "consumes", ANY, "properties"),
)
RUNTIME_KEPT: Final[tuple[Subtree, ...]] = tuple(kept for kept in MANIFEST_KEPT if kept[0] == "addons")
CLOUD_KEPT: Final[tuple[Subtree, ...]] = (
    ("azs", ANY, "cloud_properties"),
    ("networks", ANY, "cloud_properties"),
    ("networks", ANY, "subnets", ANY, "cloud_properties"),
    ("vm_types", ANY, "cloud_properties"),
    ("vm_extensions", ANY, "cloud_properties"),
    ("disk_types", ANY, "cloud_properties"),
    ("compilation", "cloud_properties"),
)
CPI_KEPT: Final[tuple[Subtree, ...]] = (("cpis", ANY, "properties"),)

_REFERENCE = re.compile(r"\(\((.*?)\)\)")
_NAME = re.compile(r"!?[a-zA-Z0-9_\-./]+")

Lookup = Callable[[str], Json]
"""Value of an absolute name, ``.key`` parts included; raises KeyError, or a BoshError that says more, when there is none."""


def absolute_name(name: str, *, director: str, deployment: str) -> str:
    """``/director/deployment/name`` unless it begins with ``/``."""
    return name if name.startswith("/") else f"/{director}/{deployment}/{name}"


def references(text: str) -> list[str]:
    """What stands between the brackets, in order."""
    return _REFERENCE.findall(text)


def incorrect_name(name: str, *, dots: bool = True) -> str:
    """Why a name cannot be one; empty when it can. ``dots``: whether ``.key`` parts may follow."""
    tail = name.rpartition("/")[2]
    if not _NAME.fullmatch(name) or (not dots and ("." in name or "!" in name)):
        return "must only contain alphanumeric, underscores, dashes, or forward slash characters"
    if name.endswith("/"):
        return "must not end with a forward slash"
    if "//" in name:
        return "must not contain two consecutive forward slashes"
    if "." in name.removesuffix(tail):
        return "must not contain dots before the last slash"
    if tail.startswith(".") or tail.endswith(".") or ".." in tail:
        return "must not have empty parts between dots"
    return ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How the references of one document are resolved.

    ``lookup`` is None where variables cannot be asked for, for example in a dry check of a config.
    """

    director: str
    deployment: str
    kept: tuple[Subtree, ...]
    findings: Findings
    lookup: Lookup | None = None
    absolute_only: bool = False

    def __call__(self, document: Document) -> Json:
        """The document's value with references replaced, except in the kept subtrees; unresolvable ones are faults."""
        if "((" not in document.text and document.text:
            return document.value
        return self._walk(document, document.value, (), self.kept)

    def _walk(self, document: Document, value: Json, path: Path, kept: tuple[Subtree, ...]) -> Json:
        if any(not subtree for subtree in kept):
            return value
        if isinstance(value, str):
            return self._text(document, value, path) if "((" in value else value
        if isinstance(value, Mapping):
            return {key: self._walk(document, child, (*path, key), _below(kept, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self._walk(document, child, (*path, at), _below(kept, at)) for at, child in enumerate(value)]
        return value

    def _text(self, document: Document, text: str, path: Path) -> Json:
        names = references(text)
        values = {name: self._value(document, name, path) for name in names}
        if any(value is _UNRESOLVED for value in values.values()):
            return text
        if len(names) == 1 and text == f"(({names[0]}))":
            return values[names[0]]
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, str | int):
                message = f"variable '{name}' stands inside text, so it must be text or a whole number"
                self.findings.faults.append(document.fault(path, message, code=INCORRECT_PLACEMENT))
            text = text.replace(f"(({name}))", str(value))
        return text

    def _value(self, document: Document, name: str, path: Path) -> Any:
        wrong = incorrect_name(name)
        if self.absolute_only and not wrong and not name.lstrip("!").startswith("/"):
            wrong = "must be absolute here: begin it with a slash"
        if wrong:
            self.findings.faults.append(document.fault(path, f"variable name '{name}' {wrong}", code=INCORRECT_NAME))
            return _UNRESOLVED
        full = absolute_name(name.lstrip("!"), director=self.director, deployment=self.deployment)
        try:
            return self.lookup(full) if self.lookup else _UNRESOLVED
        except KeyError:
            self.findings.faults.append(document.fault(path, f"no variable '{full}'", code=MISSING_NAME))
        except BoshError as error:
            self.findings.faults.append(document.fault(path, error.brief, code=error.code))
        return _UNRESOLVED


_UNRESOLVED: Final = object()


def _below(kept: tuple[Subtree, ...], key: Any) -> tuple[Subtree, ...]:
    return tuple(subtree[1:] for subtree in kept if subtree and subtree[0] in {ANY, key})


def references_in(value: Json) -> Iterator[str]:
    """Every reference anywhere in a value, in reading order, repeated ones repeated."""
    if isinstance(value, str):
        yield from references(value) if "((" in value else ()
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from references_in(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from references_in(child)
