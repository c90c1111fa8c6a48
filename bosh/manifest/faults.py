"""All faults of what an operator wrote, together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bosh.wire.errors import BoshError

if TYPE_CHECKING:
    from bosh.manifest.model import Fault

Step = str | int | float | bool | None
Path = tuple[Step, ...]
"""Keys and indexes from the document's root."""

Place = tuple[int, int]
"""Line and column, both from 1."""

TYPO_CUTOFF = 0.75
"""Similarity (``difflib``) from which an unknown key is taken for a misspelt known one; 0.75 catches one slip in four letters."""

HINT_CUTOFF = 0.6
"""For names, where a wrong guess costs nothing."""


class ManifestFaults(BoshError):
    """Everything wrong with a manifest or config, one line per fault, in reading order.

    The numeric code is the one of the first fault *found*, which is the one that the original director would have stopped at.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = tuple(faults)
        self.faults: Sequence[Fault] = tuple(sorted(set(found)))
        super().__init__("\n".join(str(fault) for fault in self.faults), code=found[0].code if found else None)


def path_text(path: Path) -> str:
    """``instance_groups[2].networks[0].name``"""
    text = ""
    for step in path:
        if isinstance(step, int) and not isinstance(step, bool):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


def closest(name: str, known: Iterable[str], *, cutoff: float = TYPO_CUTOFF) -> str:
    """The known name that was probably meant; empty when none is near."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return found[0] if found else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean "private"?)`` or nothing."""
    found = closest(name, known, cutoff=HINT_CUTOFF)
    return f' (did you mean "{found}"?)' if found else ""
