"""The tables, and how a database gets them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)

from uaa.errors import ConfigError

VERSION: Final = 1
"""Of the tables below. A program refuses tables newer than it knows."""

metadata = MetaData()

versions = Table("uaa_schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("username", String(255), nullable=False),
    # Names are compared without regard to case on every database.
    Column("username_key", String(255), nullable=False),
    Column("origin", String(36), nullable=False),
    Column("email", String(255), nullable=False),
    Column("given_name", String(255)),
    Column("family_name", String(255)),
    Column("phone", String(255)),
    Column("password", String(255), nullable=False),
    Column("salt", String(36)),
    Column("active", Boolean, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("external_id", String(255)),
    Column("password_changed_ms", BigInteger, nullable=False),
    Column("password_change_required", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_logon_ms", BigInteger),
    Column("previous_logon_ms", BigInteger),
    Index("users_by_name", "username_key", "origin", unique=True),
)

groups = Table(
    "groups_",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("name_key", String(255), nullable=False, unique=True),
    Column("description", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
)

members = Table(
    "group_members",
    metadata,
    Column("group_id", String(36), primary_key=True),
    Column("member_id", String(36), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("origin", String(36), nullable=False),
    Index("group_members_by_member", "member_id"),
)

external_groups = Table(
    "external_groups",
    metadata,
    Column("group_id", String(36), primary_key=True),
    Column("external_group", String(255), primary_key=True),
    Column("origin", String(36), primary_key=True),
)

clients = Table(
    "clients",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("details", Text, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("client_id", String(255), nullable=False),
    Column("user_id", String(36)),
    Column("kind", String(16), nullable=False),
    Column("format", String(8), nullable=False),
    Column("scope", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("tokens_by_user", "user_id"),
    Index("tokens_by_client", "client_id"),
    Index("tokens_by_expiry", "expires_ms"),
)

codes = Table(
    "codes",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("data", Text, nullable=False),
    Column("intent", String(128), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("codes_by_intent", "intent"),
    Index("codes_by_expiry", "expires_ms"),
)

sessions = Table(
    "sessions",
    metadata,
    # A digest of what the browser holds: reading the table does not log anybody in.
    Column("digest", String(64), primary_key=True),
    Column("user_id", String(36), nullable=False),
    Column("authenticated_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("sessions_by_user", "user_id"),
    Index("sessions_by_expiry", "expires_ms"),
)

failures = Table(
    "login_failures",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("principal", String(255), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("login_failures_by_principal", "principal", "at_ms"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("client_id", String(255), primary_key=True),
    Column("scope", String(191), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
)

providers = Table(
    "identity_providers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("origin", String(36), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
    Column("type", String(36), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("config", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
)


def prepare(connection: Connection) -> None:
    """Make what is missing.

    Raises:
        ConfigError: the tables are newer than this program.
        DBAPIError: the database refuses; also when another instance made the same tables at the same moment: try again.
    """
    metadata.create_all(connection)
    found = connection.execute(select(versions.c.version)).scalars().all()
    if not found:
        connection.execute(insert(versions).values(version=VERSION))
    elif max(found) > VERSION:
        raise ConfigError(f"the database has tables of version {max(found)}; this program knows up to {VERSION}")
