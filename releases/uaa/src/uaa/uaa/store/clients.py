"""Clients: programs that ask for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from uaa.errors import UaaError
from uaa.records import Client
from uaa.store import schema

_TABLE = schema.clients


def find(connection: Connection, client_id: str) -> Client | None:
    details = connection.execute(select(_TABLE.c.details).where(_TABLE.c.id == client_id)).scalar_one_or_none()
    return _client(details) if details is not None else None


def every(connection: Connection) -> tuple[Client, ...]:
    return tuple(_client(details) for details in connection.execute(select(_TABLE.c.details)).scalars())


def add(connection: Connection, client: Client, *, now_ms: int) -> Client:
    """Raises: UaaError: 409."""
    stored = replace(client, modified_ms=now_ms)
    values = {"id": client.id, "details": _text(stored), "modified_ms": now_ms}
    try:
        with connection.begin_nested():
            connection.execute(insert(_TABLE).values(**values))
    except IntegrityError as error:
        raise UaaError(409, "invalid_client", f"Client already exists: {client.id}") from error
    return stored


def put(connection: Connection, client: Client, *, now_ms: int) -> Client:
    """Store what a client has become; one that is gone stays gone."""
    stored = replace(client, modified_ms=now_ms)
    statement = update(_TABLE).where(_TABLE.c.id == client.id)
    connection.execute(statement.values(details=_text(stored), modified_ms=now_ms))
    return stored


def remove(connection: Connection, client_ids: Sequence[str]) -> None:
    """The clients, their tokens and what people approved for them."""
    for table, column in (
        (schema.tokens, schema.tokens.c.client_id),
        (schema.approvals, schema.approvals.c.client_id),
        (_TABLE, _TABLE.c.id),
    ):
        connection.execute(delete(table).where(column.in_(list(client_ids))))


def _text(client: Client) -> str:
    return msgspec.json.encode(client).decode()


def _client(details: str) -> Client:
    return msgspec.json.decode(details, type=Client)


def salted(client: Client, salt: str) -> Client:
    """The client with every token given so far void."""
    return replace(client, salt=salt)
