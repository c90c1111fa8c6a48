"""Wanted instances before they have names: a slot each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bosh.plan.model import CurrentInstance


@dataclass(frozen=True, slots=True)
class Slot:
    """One wanted instance before it has a name: its zone, whom it continues, and its static addresses."""

    az: str
    existing: CurrentInstance | None
    static: Mapping[str, str] = field(default_factory=dict)
    """Network name → address."""


@dataclass(frozen=True, slots=True)
class Placement:
    slots: tuple[Slot, ...]
    """Existing instances by index, then new ones."""
    obsolete: tuple[CurrentInstance, ...]


def placement(slots: Iterable[Slot], existing: Iterable[CurrentInstance]) -> Placement:
    """Existing instances first, by index; who has no slot is obsolete."""
    slots = list(slots)
    kept = sorted(
        (slot for slot in slots if slot.existing), key=lambda slot: slot.existing.index if slot.existing else 0
    )
    fresh = [slot for slot in slots if not slot.existing]
    ids = {slot.existing.id for slot in kept if slot.existing}
    return Placement((*kept, *fresh), tuple(instance for instance in existing if instance.id not in ids))
