"""PostgreSQL keeps the store's promises: a private server in a temporary directory, run as an unprivileged user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from bosh.state import engine
from bosh.state.contract import Store
from bosh.state.migrate import migrate
from bosh.state.schema import METADATA
from bosh.state.sql import SqlStore
from bosh.testing import postgres
from bosh.testing.contract_state import StoreContract

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    folder = postgres.programs()
    if folder is None:
        pytest.skip("PostgreSQL's server is not installed (Debian package postgresql)")
    with postgres.private_server(folder) as running:
        yield running.url()


@pytest.fixture(scope="module")
def migrated(server: str) -> str:
    assert migrate(server)
    assert not migrate(server)
    return server


def _empty(url: str) -> None:
    database = sa.create_engine(engine.driver_url(url))
    with database.begin() as connection:
        tables = ", ".join(f'"{name}"' for name in METADATA.tables)
        connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY")
    database.dispose()


class TestPostgresql(StoreContract):
    @pytest.fixture
    def store(self, migrated: str) -> Iterator[Store]:
        _empty(migrated)
        store = SqlStore(migrated)
        yield store
        store.close()

    def test_reads_go_on_after_the_server_dropped_the_connection(self, store: SqlStore) -> None:
        assert store.ips.count() == 0
        with store.database.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        assert store.ips.count() == 0
