"""Pages: what is asked for and the ``pagination`` part of a list's body."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from urllib.parse import urlencode

from cloud_controller import errors

DEFAULT_PER_PAGE = 50
MAX_PER_PAGE = 5000


@dataclass(frozen=True)
class Page:
    """Page ``number`` (from 1) of pages with ``size`` resources."""

    number: int = 1
    size: int = DEFAULT_PER_PAGE

    @property
    def offset(self) -> int:
        """How many resources stand before this page."""
        return (self.number - 1) * self.size


def parse(page: str | None, per_page: str | None) -> Page:
    """The page a query asks for.

    Raises:
        ApiError: a number that is none or out of range (original texts).
    """
    number, size = _positive("Page", page, 1), _positive("Per page", per_page, DEFAULT_PER_PAGE)
    if size > MAX_PER_PAGE:
        raise errors.bad_query(f"Per page must be between 1 and {MAX_PER_PAGE}")
    return Page(number, size)


def _positive(name: str, text: str | None, default: int) -> int:
    if text is None or text == "":
        return default
    if not text.isdigit() or int(text) < 1:
        limit = f"between 1 and {MAX_PER_PAGE}" if name == "Per page" else "a positive integer"
        raise errors.bad_query(f"{name} must be {limit}")
    return int(text)


def present(page: Page, total: int, url: str, query: list[tuple[str, str]]) -> dict[str, object]:
    """The ``pagination`` part: totals and links that keep the query."""
    last = max(1, ceil(total / page.size))
    kept = sorted((key, value) for key, value in query if key not in {"page", "per_page"})

    def link(number: int) -> dict[str, str]:
        return {"href": f"{url}?{urlencode([*kept, ('page', str(number)), ('per_page', str(page.size))])}"}

    return {
        "total_results": total,
        "total_pages": last,
        "first": link(1),
        "last": link(last),
        "next": link(page.number + 1) if page.number < last else None,
        "previous": link(page.number - 1) if 1 < page.number <= last + 1 else None,
    }
