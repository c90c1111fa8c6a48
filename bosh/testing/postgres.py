"""A private PostgreSQL server in a temporary directory, for tests: no port, no password, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path("/usr/lib/postgresql")
WITHIN_S = 60


def programs() -> Path | None:
    """The newest installed server's programs, None when there is none (Debian package ``postgresql``)."""
    found = sorted(_ROOT.glob("*/bin")) if _ROOT.exists() else []
    return found[-1] if found else None


@dataclass
class PrivateServer:
    """A running server. ``home`` holds its socket, its log and its data."""

    home: Path
    databases: int = field(default=0)

    def url(self, database: str = "postgres") -> str:
        """As ``database_url`` of the director's configuration."""
        return f"postgresql://director@/{database}?host={self.home}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        import sqlalchemy as sa

        from bosh.state import engine

        self.databases += 1
        name = f"test{self.databases}"
        connected = sa.create_engine(engine.driver_url(self.url()), isolation_level="AUTOCOMMIT")
        with connected.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        connected.dispose()
        return self.url(name)


def _run(*command: str | Path) -> None:
    # The server refuses to run as root.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*user, *map(str, command)], check=True, capture_output=True, timeout=WITHIN_S, cwd="/")


@contextmanager
def private_server(folder: Path) -> Iterator[PrivateServer]:
    """Run a server with the programs in ``folder``, as an unprivileged user."""
    # A socket's path must be short.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
    data, started = home / "data", False
    try:
        _run(folder / "initdb", "-D", data, "-U", "director", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off"
        _run(folder / "pg_ctl", "-D", data, "-o", options, "-l", home / "log", "-w", "start")
        started = True
        yield PrivateServer(home)
    finally:
        if started:
            _run(folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)
