"""Reads and writes records inside one transaction and remembers what has to happen once it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud_controller.clock import Clock, Guid
from cloud_controller.vault import Vault

Record = dict[str, Any]


class Effect(NamedTuple):
    """Something to do outside the database after the transaction: ``name`` of the deed, ``subject`` guid or key."""

    name: str
    subject: str
    detail: str = ""


@dataclass(frozen=True)
class StoreSettings:
    """What every store shares."""

    clock: Clock
    new_guid: Guid
    vault: Vault


class Store:
    """One transaction's view of the database."""

    def __init__(self, connection: sa.Connection, settings: StoreSettings) -> None:
        self.connection = connection
        self.vault = settings.vault
        self.new_guid = settings.new_guid
        self._clock = settings.clock
        self.effects: list[Effect] = []

    def now(self) -> Any:
        """The time to write into records."""
        return self._clock.now()

    def later(self, name: str, subject: str, detail: str = "") -> None:
        """Do this after the transaction, once."""
        effect = Effect(name, subject, detail)
        if effect not in self.effects:
            self.effects.append(effect)

    def rows(self, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> list[Record]:
        """All records of a query."""
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def first(self, query: sa.Select[Any]) -> Record | None:
        """The first record of a query."""
        row = self.connection.execute(query.limit(1)).mappings().first()
        return None if row is None else dict(row)

    def value(self, query: sa.Select[Any]) -> Any:
        """The single value of a query."""
        return self.connection.execute(query).scalar()

    def column(self, query: sa.Select[Any]) -> list[Any]:
        """The first value of every row."""
        return list(self.connection.execute(query).scalars())

    def find(self, table: sa.Table, guid: str | None, *, lock: bool = False) -> Record | None:
        """The record with this guid."""
        if guid is None:
            return None
        query = sa.select(table).where(table.c.guid == guid)
        return self.first(query.with_for_update() if lock else query)

    def find_by(self, table: sa.Table, **values: Any) -> Record | None:
        """The first record with these values."""
        return self.first(sa.select(table).where(*(table.c[name] == value for name, value in values.items())))

    def many(self, table: sa.Table, guids: Iterable[str | None]) -> dict[str, Record]:
        """Records by guid, in one statement (none for no guids)."""
        wanted = sorted({guid for guid in guids if guid})
        if not wanted:
            return {}
        return {row["guid"]: row for row in self.rows(sa.select(table).where(table.c.guid.in_(wanted)))}

    def insert(self, table: sa.Table, **values: Any) -> Record:
        """A new record, with guid and times unless given; returns it with its defaults."""
        now = self.now()
        record = {"guid": self.new_guid(), "created_at": now, "updated_at": now, **values}
        result = self.connection.execute(sa.insert(table).values(**record))
        key = result.inserted_primary_key
        return self.rows(sa.select(table).where(table.c.id == (key[0] if key else None)))[0]

    def link(self, table: sa.Table, **values: Any) -> bool:
        """A row of a table of pairs, unless it is there; whether it was new."""
        if self.first(sa.select(table).where(*(table.c[k] == v for k, v in values.items()))):
            return False
        self.connection.execute(sa.insert(table).values(**values))
        return True

    def change(self, table: sa.Table, guid: str, **values: Any) -> None:
        """New values for one record, with its time."""
        values.setdefault("updated_at", self.now())
        self.connection.execute(sa.update(table).where(table.c.guid == guid).values(**values))

    def change_where(self, table: sa.Table, *conditions: sa.ColumnElement[bool], **values: Any) -> int:
        """New values for all records that match; how many."""
        if "updated_at" in table.c:
            values.setdefault("updated_at", self.now())
        return self.connection.execute(sa.update(table).where(*conditions).values(**values)).rowcount

    def remove(self, table: sa.Table, guid: str) -> None:
        """The record is gone, and what its foreign keys carry away."""
        self.connection.execute(sa.delete(table).where(table.c.guid == guid))

    def remove_where(self, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
        """All records that match are gone; how many."""
        return self.connection.execute(sa.delete(table).where(*conditions)).rowcount

    def grouped(self, query: sa.Select[Any], key: str) -> dict[str, list[Record]]:
        """Records of a query by one of their values."""
        groups: dict[str, list[Record]] = {}
        for row in self.rows(query):
            groups.setdefault(row[key], []).append(row)
        return groups


class Database:
    """Opens transactions; after each, the effects go to whoever performs them."""

    def __init__(self, engine: sa.Engine, settings: StoreSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.perform: Callable[[Sequence[Effect]], None] = lambda _effects: None
        # Guids of users that are known to be recorded.
        self.seen_users: set[str] = set()

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """A transaction that may write; its effects are performed after it is kept."""
        with self.engine.begin() as connection:
            store = Store(connection, self.settings)
            yield store
        if store.effects:
            self.perform(store.effects)

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """A transaction that only reads."""
        with self.engine.connect().execution_options(reading=True) as connection, connection.begin():
            yield Store(connection, self.settings)


def values_of(record: Mapping[str, Any], names: Iterable[str]) -> Record:
    """The named values of a record."""
    return {name: record[name] for name in names}
