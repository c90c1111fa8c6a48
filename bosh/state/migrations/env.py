"""Run by Alembic: one connection, all missing migrations in one transaction where the engine can."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

database = sa.create_engine(context.config.attributes["url"])
with database.connect() as connection:
    context.configure(connection=connection, target_metadata=None, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
database.dispose()
