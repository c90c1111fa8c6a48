"""Where users come from. The provider ``uaa`` is always there; others are stored for what refers to them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from uaa.errors import UaaError
from uaa.records import Provider
from uaa.store import schema

_TABLE = schema.providers


def every(connection: Connection, *, only_active: bool = False) -> tuple[Provider, ...]:
    statement = select(_TABLE).order_by(_TABLE.c.created_ms, _TABLE.c.origin)
    if only_active:
        statement = statement.where(_TABLE.c.active.is_(True))
    return tuple(_provider(row) for row in connection.execute(statement))


def find(connection: Connection, provider_id: str) -> Provider | None:
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == provider_id)).one_or_none()
    return _provider(row) if row else None


def by_origin(connection: Connection, origin: str) -> Provider | None:
    row = connection.execute(select(_TABLE).where(_TABLE.c.origin == origin)).one_or_none()
    return _provider(row) if row else None


def add(connection: Connection, provider: Provider) -> None:
    """Raises: UaaError: 409."""
    try:
        with connection.begin_nested():
            connection.execute(insert(_TABLE).values(**_columns(provider)))
    except IntegrityError as error:
        raise UaaError(
            409, "identity_provider_conflict", f"An identity provider with the origin {provider.origin} exists already."
        ) from error


def put(connection: Connection, provider: Provider, *, now_ms: int) -> Provider:
    after = replace(provider, version=provider.version + 1, modified_ms=now_ms)
    connection.execute(update(_TABLE).where(_TABLE.c.id == provider.id).values(**_columns(after)))
    return after


def remove(connection: Connection, provider_id: str) -> None:
    connection.execute(delete(_TABLE).where(_TABLE.c.id == provider_id))


def _columns(provider: Provider) -> dict[str, Any]:
    return {**asdict(provider), "config": msgspec.json.encode(provider.config).decode()}


def _provider(row: Row[Any]) -> Provider:
    return Provider(**{**row._mapping, "config": msgspec.json.decode(row.config)})
