"""A store for tests: SQLite without a file, with the newest schema."""

from __future__ import annotations

from bosh.state import schema
from bosh.state.sql import SqlStore


def memory_store() -> SqlStore:
    """An empty store; gone when closed. Threads may share it, processes cannot."""
    store = SqlStore("sqlite://")
    schema.METADATA.create_all(store.database)
    return store
