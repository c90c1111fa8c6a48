"""Connections: one per thread, in the driver's autocommit mode; transactions are begun and ended explicitly.

SQLite: write-ahead log, so readers never wait; writers wait for each other up to the busy time-out. ``synchronous=NORMAL`` keeps the
database whole in every crash; a power cut may lose the last commits of a second, a crash of the process none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import QueuePool, StaticPool

# How long a writer waits for another process's transaction. Ours last milliseconds; a minute outlives a slow disk's checkpoint.
BUSY_TIMEOUT_MS = 60_000

_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-4000",
    "PRAGMA temp_store=MEMORY",
)


def is_memory(url: sa.URL) -> bool:
    """Whether the URL means a SQLite database without a file."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def driver_url(url: str) -> sa.URL:
    """The URL with our driver named: ``postgres://`` and ``postgresql://`` mean psycopg."""
    parsed = sa.make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def create(url: str) -> sa.Engine:
    """An engine whose connections commit each statement by themselves."""
    parsed = driver_url(url)
    if is_memory(parsed):
        engine = sa.create_engine(
            parsed, isolation_level="AUTOCOMMIT", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
    elif parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=0,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000, "cached_statements": 512},
        )
    else:
        engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", pool_size=0, pool_pre_ping=True)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


class _PerThread(threading.local):
    connection: sa.Connection | None = None
    depth: int = 0


class Connections:
    """Each thread's connection, and its open transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self._mine = _PerThread()
        self._begin = "BEGIN IMMEDIATE" if self.dialect == "sqlite" else "BEGIN"
        # Without a file all threads share one connection, so they take turns.
        self._turn = threading.RLock() if is_memory(engine.url) else nullcontext()

    @property
    def in_transaction(self) -> bool:
        return self._mine.depth > 0

    @contextmanager
    def use(self) -> Iterator[sa.Connection]:
        """This thread's connection. A broken one is forgotten, so that the next call gets a new one."""
        with self._turn:
            connection = self._mine.connection
            if connection is None:
                connection = self._mine.connection = self.engine.connect()
            try:
                yield connection
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated:
                    self.forget()
                raise

    def forget(self) -> None:
        """Close this thread's connection."""
        connection, self._mine.connection = self._mine.connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on leaving, roll back on an exception. Inside another one it joins it."""
        if self._mine.depth:
            self._mine.depth += 1
            try:
                yield
            finally:
                self._mine.depth -= 1
            return
        with self._turn, self.use() as connection:
            connection.exec_driver_sql(self._begin)
            self._mine.depth = 1
            try:
                yield
            except BaseException:
                self._mine.depth = 0
                self._roll_back(connection)
                raise
            self._mine.depth = 0
            connection.exec_driver_sql("COMMIT")

    def _roll_back(self, connection: sa.Connection) -> None:
        # A lost connection has rolled back already; anything else that goes wrong here must not hide the first error.
        try:
            connection.exec_driver_sql("ROLLBACK")
        except sa.exc.SQLAlchemyError:
            self.forget()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo only what happens inside it; must be used inside a transaction."""
        with self.use() as connection:
            connection.exec_driver_sql("SAVEPOINT one_call")
            try:
                yield
            except BaseException:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_call")
                connection.exec_driver_sql("RELEASE SAVEPOINT one_call")
                raise
            connection.exec_driver_sql("RELEASE SAVEPOINT one_call")

    def close(self) -> None:
        self.forget()
        self.engine.dispose()
