"""What Alembic runs: every migration in one transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from cloud_controller.state import database
from cloud_controller.state.tables import metadata

# Any number: who holds it migrates, the others wait and then find nothing to do.
LOCK = 0x63636462


def run() -> None:
    """Migrate the database whose URL the caller set."""
    engine = database.create(context.config.attributes["url"])
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
        context.run_migrations()
    engine.dispose()


run()
