"""Time and identity, passed in so that tests own them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

Guid = Callable[[], str]
"""Makes a new resource's guid."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The current time, UTC, without a zone: as the database keeps it."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """See :class:`Clock`."""
        return datetime.now(UTC).replace(tzinfo=None)


def random_guid() -> str:
    """A new random guid."""
    return str(uuid.uuid4())


def epoch(moment: datetime) -> float:
    """Seconds since 1970 of a database time."""
    return moment.replace(tzinfo=UTC).timestamp()


def stamp(moment: datetime | None) -> str | None:
    """A time as the API writes it: UTC, whole seconds."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
