"""Locks in and out of the database."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from diego.database import writing

from .locks import Lock, LocketError, Status, expect_owner, taken

METADATA = MetaData()
LOCKS = Table(
    "locks",
    METADATA,
    Column("key", String(255), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("value", Text, nullable=False),
    Column("type_code", Integer, nullable=False, index=True),
    Column("ttl", BigInteger, nullable=False),
    Column("epoch", String(255), nullable=False),
    Column("index", BigInteger, nullable=False),
)
_OF_KEY = LOCKS.c.key == bindparam("of_key")
_GET = select(LOCKS).where(_OF_KEY)
_GET_LOCKED = _GET.with_for_update()
_ADD = insert(LOCKS)
_PUT = update(LOCKS).where(_OF_KEY)
_REMOVE = delete(LOCKS).where(_OF_KEY)
_REMOVE_AS_SEEN = _REMOVE.where(LOCKS.c.epoch == bindparam("of_epoch"), LOCKS.c.index == bindparam("of_index"))


class LockStore:
    """The database of one locket; `guid` makes a new unique text."""

    def __init__(self, engine: Engine, guid: Callable[[], str]) -> None:
        self._engine, self._guid = engine, guid

    def lock(self, wanted: Lock) -> None:
        """Take or renew a lock; raises LocketError when it cannot be had."""
        try:
            with writing(self._engine) as connection:
                held = self._held(connection, wanted.key)
                lock = taken(held, wanted, self._guid())
                if held is None:
                    connection.execute(_ADD, _values(lock))
                else:
                    connection.execute(_PUT, {"of_key": lock.key, **_values(lock)})
        except IntegrityError as error:
            raise LocketError(Status.ALREADY_EXISTS, "lock-collision") from error

    def release(self, key: str, owner: str) -> None:
        """Give a lock back; one that nobody holds is given back already. Raises LocketError when someone else holds it."""
        with writing(self._engine) as connection:
            held = self._held(connection, key)
            if held is not None:
                expect_owner(held, owner)
                connection.execute(_REMOVE, {"of_key": key})

    def fetch(self, key: str) -> Lock:
        """Return a lock; raises LocketError when nobody holds it."""
        with self._engine.begin() as connection:
            row = connection.execute(_GET, {"of_key": key}).first()
        if row is None:
            raise LocketError(Status.NOT_FOUND, "resource-not-found")
        return Lock(*row)

    def fetch_all(self, type_code: int | None = None) -> list[Lock]:
        """Return all locks, or all of one type."""
        chosen = select(LOCKS).order_by(LOCKS.c.key)
        if type_code is not None:
            chosen = chosen.where(LOCKS.c.type_code == type_code)
        with self._engine.begin() as connection:
            return [Lock(*row) for row in connection.execute(chosen)]

    def expire(self, lock: Lock) -> bool:
        """Remove a lock unless it was renewed since it was seen; return whether it was removed."""
        seen = {"of_key": lock.key, "of_epoch": lock.epoch, "of_index": lock.index}
        with self._engine.begin() as connection:
            return connection.execute(_REMOVE_AS_SEEN, seen).rowcount == 1

    @staticmethod
    def _held(connection: Connection, key: str) -> Lock | None:
        row = connection.execute(_GET_LOCKED, {"of_key": key}).first()
        return None if row is None else Lock(*row)


def _values(lock: Lock) -> dict[str, object]:
    return {name: getattr(lock, name) for name in Lock.__slots__}
