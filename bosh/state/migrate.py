"""Bring a database to the newest schema: numbered Alembic migrations shipped in ``migrations/versions``.

A file's number is its revision: ``0002_add_team_to_tasks.py`` is revision ``0002``. Alembic is imported only when there is something to do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sqlalchemy as sa

from bosh.state import engine

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """The number of the last migration shipped."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(url: str) -> str:
    """The database's revision, or the empty text for an empty database."""
    database = engine.create(url)
    try:
        with database.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return ""
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")
    finally:
        database.dispose()


class NewerDatabase(Exception):
    """The database was migrated by a newer version of this software."""


def migrate(url: str) -> bool:
    """Run what is missing; whether there was anything to do. Only one process may do so at a time.

    Raises:
        NewerDatabase: this version does not know the database's revision.
    """
    current, newest = current_revision(url), newest_revision()
    if current == newest:
        return False
    if current > newest:
        raise NewerDatabase(
            f"cannot use the database: its schema is at revision {current}, this version knows {newest}; start the version that made it"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = engine.driver_url(url)
    command.upgrade(config, "head")
    return True


def main() -> None:
    """``python -m bosh.state.migrate``: the URL, which may hold a password, is read from standard input."""
    changed = migrate(sys.stdin.readline().strip())
    sys.stderr.write(f"event=migrated changed={str(changed).lower()} revision={newest_revision()}\n")


if __name__ == "__main__":
    main()
