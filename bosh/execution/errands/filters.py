"""Which instances an errand was asked for (bosh: errand/instance_matcher.rb)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bosh.state import records
from bosh.wire.errors import BoshError


class NothingMatches(BoshError):
    """Some of the filters match no instance. The original raises an untyped error here, whose code is 100."""

    code = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """``GROUP``, ``GROUP/INDEX``, ``GROUP/UUID`` or ``GROUP/first``."""

    group: str
    id: str = ""

    def __str__(self) -> str:
        shown = {"group": self.group} | ({"id": self.id} if self.id else {})
        return "{" + ", ".join(f"{json.dumps(key)} => {json.dumps(value)}" for key, value in shown.items()) + "}"

    def matches(self, instance: records.Instance, first: Mapping[str, str]) -> bool:
        """Whether the instance is meant.

        Args:
            first: group → uuid of its first instance, in the order of uuids.
        """
        if instance.group != self.group:
            return False
        return self.id in {"", instance.uuid, str(instance.index)} or (
            self.id == "first" and first[self.group] == instance.uuid
        )


def filters_from(entries: Iterable[Any]) -> tuple[Filter, ...]:
    """Read ``[{group, id?}]``; what is no object matches nothing, as in the original."""
    return tuple(
        Filter(str(one.get("group") or ""), str(one.get("id") or "")) if isinstance(one, Mapping) else Filter("")
        for one in entries
    )


def match(
    filters: Sequence[Filter], instances: Sequence[records.Instance]
) -> tuple[list[records.Instance], list[Filter]]:
    """The instances meant, all of them without a filter; and the filters that mean none."""
    if not filters:
        return list(instances), []
    first: dict[str, str] = {}
    for one in instances:
        first[one.group] = min(one.uuid, first.get(one.group, one.uuid))
    chosen = [one for one in instances if any(each.matches(one, first) for each in filters)]
    unmatched = [each for each in filters if not any(each.matches(one, first) for one in instances)]
    return chosen, unmatched


def refuse_unmatched(filters: Sequence[Filter]) -> None:
    """Raises NothingMatches."""
    if filters:
        raise NothingMatches(f"No instances match selection criteria: [{', '.join(map(str, filters))}]")
