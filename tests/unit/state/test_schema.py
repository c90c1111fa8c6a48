"""Migrations and records agree about the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bosh.state import engine, migrate, schema
from bosh.testing import memory_store


def described(database: sa.Engine) -> dict[str, Any]:
    inspector = sa.inspect(database)
    return {
        name: {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            "unique": sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(name)),
            "indexes": sorted(
                (i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(name)
            ),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


@pytest.mark.slow
def test_the_migrations_lead_to_the_tables_of_the_records(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/director.db"
    assert migrate.migrate(url)
    assert not migrate.migrate(url)
    migrated, derived = engine.create(url), memory_store()
    assert described(migrated) == described(derived.database)
    migrated.dispose()
    derived.close()


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/director.db"
    database = engine.create(url)
    with database.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
    database.dispose()
    with pytest.raises(migrate.NewerDatabase, match="9999"):
        migrate.migrate(url)


def test_postgresql_means_our_driver() -> None:
    assert engine.driver_url("postgres://u:p@h/d").drivername == "postgresql+psycopg"
    assert engine.driver_url("postgresql+psycopg://h/d").drivername == "postgresql+psycopg"


def test_every_record_field_has_a_column() -> None:
    import dataclasses

    for kind in schema.KINDS:
        assert tuple(schema.TABLES[kind.name].c.keys()) == tuple(f.name for f in dataclasses.fields(kind.record))
