"""Cloud, runtime and CPI configs as they were uploaded: several texts of each kind, seen as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bosh.manifest.documents import Document, load
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.model import Json
from bosh.manifest.reading import INVALID_TYPE, Findings, Node


@dataclass(frozen=True, slots=True)
class ConfigText:
    """One uploaded config."""

    name: str
    text: str
    type: str = "cloud"

    @property
    def source(self) -> str:
        return f'{self.type} config "{self.name}"'


def root(text: str, source: str, findings: Findings, resolve: Callable[[Document], Json]) -> Node | None:
    """The document as a map, its references resolved; None, and a fault, when it is none. An empty text is an empty map."""
    try:
        document = load(text, source)
    except ManifestFaults as error:
        findings.faults.extend(error.faults)
        return None
    value = {} if document.value is None else document.value
    node = Node(document, (), value, findings)
    if not isinstance(value, dict):
        node.fault("expected a map at the top", code=INVALID_TYPE)
        return None
    return Node(document, (), resolve(document) if value else {}, findings)


def gathered(roots: Sequence[Node], key: str) -> list[Node]:
    """The maps in the list ``key`` of all configs, in order."""
    return [node for each in roots for node in each.maps(key, ())]


def single(roots: Sequence[Node], key: str, *, what: str, code: int) -> Node | None:
    """The one config that has ``key``; a fault for each further one."""
    having = [each for each in roots if key in each and each.child(key).is_map()]
    for extra in having[1:]:
        extra.fault(f"{what} '{key}' key cannot be defined in multiple {what}s.", code=code, key=key)
    return having[0] if having else None
