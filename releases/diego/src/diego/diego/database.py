"""Databases, opened alike by everyone here: SQLite or PostgreSQL.

A transaction that reads in order to write says so with `connection.info["writes"]`: SQLite then locks the file at its beginning, where
PostgreSQL locks the rows that are selected for update.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event


def connect(url: str, tables: MetaData) -> Engine:
    """Open a database by its SQLAlchemy URL and make the tables that are missing."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    tables.create_all(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late: only with the first write.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=10000")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.info.get("writes") else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Hold one transaction that writes; it is undone when an error leaves it."""
    with engine.connect() as connection:
        connection.info["writes"] = True
        try:
            with connection.begin():
                yield connection
        finally:
            connection.info["writes"] = False
