"""PostgreSQL keeps the store's promises: a private server in a temporary directory, run as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bosh.state import engine
from bosh.state.contract import Store
from bosh.state.migrate import migrate
from bosh.state.schema import METADATA
from bosh.state.sql import SqlStore
from bosh.testing.contract_state import StoreContract

pytestmark = [pytest.mark.integration, pytest.mark.slow]

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").exists() else []


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _run(*command: str | Path) -> None:
    subprocess.run([*_as_user(), *map(str, command)], check=True, capture_output=True, timeout=60, cwd="/")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not _PROGRAMS:
        pytest.skip("PostgreSQL's server is not installed (Debian package postgresql)")
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
    programs, data = _PROGRAMS[-1], home / "data"
    started = False
    try:
        _run(programs / "initdb", "-D", data, "-U", "director", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off"
        _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", home / "log", "-w", "start")
        started = True
        yield f"postgresql://director@/postgres?host={home}"
    finally:
        if started:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


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
