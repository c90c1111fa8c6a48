"""SQLite keeps the store's promises, without a file and with one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.state.contract import Store
from bosh.state.migrate import migrate
from bosh.state.sql import SqlStore
from bosh.testing import memory_store
from bosh.testing.contract_state import StoreContract


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


class TestSqliteInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = memory_store()
        yield store
        store.close()


class TestSqliteInAFile(StoreContract):
    @pytest.fixture
    def store(self, migrated: Path, tmp_path: Path) -> Iterator[Store]:
        shutil.copy(migrated, tmp_path / "director.db")
        store = SqlStore(f"sqlite:///{tmp_path}/director.db")
        yield store
        store.close()
