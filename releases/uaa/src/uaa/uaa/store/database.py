"""The connection pool, transactions, and the differences between databases."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from uaa.config import Connection, Database
from uaa.store import schema

_BUSY_TIMEOUT_MS: Final = 10_000
_PREPARE_ATTEMPTS: Final = 5
_STATEMENTS_KEPT: Final = 200
_WRITING: Final = "uaa_writing"


class Db:
    """One database.

    ``transaction()`` gives a connection; leaving it commits, an exception rolls back. On SQLite writers of this process take turns,
    for SQLite itself would let one of them fail.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._writing = engine.execution_options(**{_WRITING: True})

    @contextmanager
    def transaction(self) -> Iterator[SqlConnection]:
        if self._turn is None:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._turn, self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[SqlConnection]:
        with self.engine.connect() as connection:
            yield connection

    def answers(self) -> None:
        """Raises: SQLAlchemyError: it does not."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def prepare(self) -> None:
        """Make the tables; several instances may do so at once."""
        for attempt in range(_PREPARE_ATTEMPTS):
            try:
                with self.transaction() as connection:
                    schema.prepare(connection)
            except DBAPIError:
                if attempt + 1 == _PREPARE_ATTEMPTS:
                    raise
            else:
                return

    def close(self) -> None:
        self.engine.dispose()


def connect(settings: Database, connection: Connection) -> Db:
    """The pool; no connection is made yet, but a SQLite file's folder is."""
    url = make_url(connection.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(connection.url, url.database)
    engine = create_engine(
        url,
        pool_size=settings.max_connections,
        max_overflow=0,
        pool_pre_ping=True,
        query_cache_size=_STATEMENTS_KEPT,
        connect_args=_tls(url.get_backend_name(), connection),
    )
    return Db(engine)


def _sqlite(url: str, path: str | None) -> Db:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, query_cache_size=_STATEMENTS_KEPT)
    event.listen(engine, "connect", _tune)
    event.listen(engine, "begin", _begin)
    return Db(engine)


def _tune(connection: Any, _record: object) -> None:
    # Transactions are begun below, so that savepoints work and a writer never has to upgrade a lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin(connection: SqlConnection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITING) else "BEGIN")


def _tls(backend: str, connection: Connection) -> dict[str, Any]:
    """uaa-release: jobs/uaa/spec, ``uaadb.tls``."""
    if connection.tls == "disabled":
        return {"sslmode": "prefer"} if backend == "postgresql" else {}
    if backend == "postgresql":
        mode = {"enabled": "verify-full", "enabled_skip_hostname_validation": "verify-ca"}.get(
            connection.tls, "require"
        )
        return {"sslmode": mode, **({"sslrootcert": connection.ca_file or "system"} if mode != "require" else {})}
    context = ssl.create_default_context(cafile=connection.ca_file or None)
    if connection.tls != "enabled":
        context.check_hostname = False
    if connection.tls == "enabled_skip_all_validation":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}
