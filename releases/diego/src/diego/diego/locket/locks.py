"""What may become of a lock or presence? Pure. Sources: locket db/lock_db.go, handlers/handler.go, expiration/lock_pick.go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum


class TypeCode(IntEnum):
    """The numbers of models.TypeCode."""

    UNKNOWN = 0
    LOCK = 1
    PRESENCE = 2


class Status(IntEnum):
    """The gRPC codes that locket answers with."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6


class LocketError(Exception):
    """A request that cannot be granted."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Lock:
    """One row. `epoch` and `index` tell one holding, and one renewal of it, from another; `ttl` in seconds."""

    key: str
    owner: str
    value: str
    type_code: int
    ttl: int
    epoch: str = ""
    index: int = 0


def expect_type(type_code: int) -> None:
    """Raise LocketError unless this is a lock or a presence."""
    if type_code not in {TypeCode.LOCK, TypeCode.PRESENCE}:
        raise LocketError(Status.NOT_FOUND, "invalid-type")


def taken(held: Lock | None, wanted: Lock, epoch: str) -> Lock:
    """Return the row once `wanted` is granted: newly taken with this epoch, or renewed.

    Raises:
        LocketError: someone else holds it, or what is wanted makes no sense.
    """
    expect_type(wanted.type_code)
    if wanted.ttl <= 0:
        raise LocketError(Status.INVALID_ARGUMENT, "invalid-ttl")
    if not wanted.owner:
        raise LocketError(Status.INVALID_ARGUMENT, "invalid-owner")
    if held is None:
        return replace(wanted, epoch=epoch, index=1)
    if held.owner != wanted.owner:
        raise LocketError(Status.ALREADY_EXISTS, "lock-collision")
    return replace(wanted, epoch=held.epoch, index=held.index + 1)


def expect_owner(held: Lock, owner: str) -> None:
    """Raise LocketError unless `owner` may give it back."""
    if held.owner != owner:
        raise LocketError(Status.ALREADY_EXISTS, "lock-collision")


@dataclass
class Watch:
    """When each lock runs out, as seen by one locket.

    Time counts from when a renewal was seen, on this locket's own steady clock: after a restart everyone has the full time again, so that
    an absence of locket is not taken for an absence of all cells.
    """

    _deadlines: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    def look(self, locks: Iterable[Lock], now: float) -> list[Lock]:
        """Return the locks whose time has run out at `now` (seconds); those seen for the first time have all of it."""
        expired, seen = [], {}
        for lock in locks:
            known = self._deadlines.get((lock.key, lock.epoch))
            if known is None or known[0] < lock.index:
                known = (lock.index, now + lock.ttl)
            seen[lock.key, lock.epoch] = known
            if known[1] <= now:
                expired.append(lock)
        self._deadlines = seen
        return expired
