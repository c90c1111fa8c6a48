"""Connections to SQLite or PostgreSQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def driver_url(url: str) -> str:
    """A database URL with the driver we ship."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def create(url: str, *, pool_size: int = 10) -> sa.Engine:
    """An engine for ``url`` (``sqlite:///path``, ``postgresql://…``)."""
    if not url.startswith("sqlite"):
        return sa.create_engine(driver_url(url), pool_size=pool_size, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions lazily and at the wrong moment; we do it ourselves below.
    connection.isolation_level = None
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer that begins as a reader cannot upgrade while another one writes; so writers say so at once.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
