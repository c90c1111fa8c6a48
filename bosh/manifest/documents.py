"""Text → values with their places, and values → text, both as go-yaml v2 does it.

``load`` reads the first document of a text. Where each entry stood is found out only when a fault asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bosh.manifest import block
from bosh.manifest.emit import dump
from bosh.manifest.faults import Path, Place, path_text

if TYPE_CHECKING:
    from bosh.manifest.model import Fault, Json

__all__ = ["Document", "dump", "load"]


@dataclass(frozen=True)
class Document:
    """A value read from ``text``, which came from ``source`` (a file name, ``manifest``, ``cloud config "default"``)."""

    value: Json
    source: str
    text: str = field(default="", repr=False)
    """Empty when the value was made, for example by ops files; its entries then have no place."""

    @cached_property
    def _places(self) -> dict[Path, Place]:
        from bosh.manifest.full import Reader

        places: dict[Path, Place] = {}
        if self.text:
            Reader(self.text, self.source, places=places, allow_duplicates=True).document()
        return places

    def place(self, path: Path) -> Place:
        """Where the entry at ``path`` begins, or the nearest one around it; (0, 0) when unknown."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return (0, 0)

    def fault(self, path: Path, message: str, *, code: int) -> Fault:
        """A fault at ``path``."""
        from bosh.manifest.model import Fault

        line, column = self.place(path)
        return Fault(self.source, line, column, path_text(path), message, code)


def load(text: str, source: str, *, allow_duplicates: bool = False) -> Document:
    """Read the first YAML document of ``text``.

    Args:
        allow_duplicates: the last of several equal keys wins, as in go-yaml, instead of being a fault.

    Raises:
        ManifestFaults: with one fault: not YAML, a key twice, an unknown or self-containing alias, too deep, too many aliases.
    """
    try:
        return Document(block.read(text), source, text)
    except block.Unsure:
        # Loaded only when needed: it takes longer to import than most manifests take to read.
        from bosh.manifest.full import Reader

        return Document(Reader(text, source, allow_duplicates=allow_duplicates).document(), source, text)
