"""What the lists have in common: filter, order, page, versions."""

from __future__ import annotations

from dataclasses import dataclass

from uaa.errors import scim
from uaa.filters import FilterError, Node, parse
from uaa.web import Call

MAX_COUNT = 500
"""uaa: ``userMaxCount``."""


@dataclass(frozen=True)
class Wanted:
    """``start`` counts from 1."""

    condition: Node | None
    sort_by: str
    ascending: bool
    start: int
    count: int
    attributes: str | None

    @property
    def offset(self) -> int:
        return self.start - 1


def wanted(call: Call, *, sort_by: str) -> Wanted:
    """Raises: UaaError: 400."""
    text = call.query.get("filter", "").strip()
    try:
        condition = parse(text) if text else None
    except FilterError as error:
        raise invalid_filter(text) from error
    return Wanted(
        condition=condition,
        sort_by=call.query.get("sortBy") or sort_by,
        ascending=call.query.get("sortOrder", "ascending").lower() != "descending",
        start=max(1, call.number("startIndex", 1)),
        count=min(MAX_COUNT, max(0, call.number("count", 100))),
        attributes=call.query.get("attributes"),
    )


def invalid_filter(text: str) -> Exception:
    return scim(f"Invalid filter expression: [{text}]")


def version(call: Call, current: int, *, needed: bool) -> int:
    """The version that ``If-Match`` names; ``*`` is whatever is stored.

    Raises:
        UaaError: 400 when it is missing though needed, or no number.
    """
    tag = call.headers.get("if-match")
    if tag is None:
        if needed:
            raise scim(f"Missing If-Match for {call.method}")
        return current
    text = tag.strip().strip('"')
    if text == "*":
        return current
    try:
        return int(text)
    except ValueError as error:
        raise scim(f"Invalid version match header (should be a version number): {tag}") from error
