"""Brings a database to the newest schema: numbered Alembic migrations in ``migrations/versions``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from cloud_controller.state import database

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Run the migrations that are missing; several processes may try at once, for each runs in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = database.driver_url(url)
    command.upgrade(config, "head")
