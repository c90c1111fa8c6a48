"""Shipped fakes, builders and contract suites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bosh.state.sql import SqlStore


def memory_store() -> SqlStore:
    """An empty store without a file; gone when closed. Threads may share it, processes cannot."""
    from bosh.testing.memory import memory_store as make

    return make()
