"""Users."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from uaa.errors import scim_exists, scim_not_found
from uaa.filters import Node
from uaa.records import UAA, User
from uaa.store import schema
from uaa.store.query import order, where

_TABLE = schema.users
COLUMNS: Final = {
    "id": _TABLE.c.id,
    "username": _TABLE.c.username,
    "origin": _TABLE.c.origin,
    "email": _TABLE.c.email,
    "emails": _TABLE.c.email,
    "emails.value": _TABLE.c.email,
    "givenname": _TABLE.c.given_name,
    "name.givenname": _TABLE.c.given_name,
    "familyname": _TABLE.c.family_name,
    "name.familyname": _TABLE.c.family_name,
    "phonenumber": _TABLE.c.phone,
    "externalid": _TABLE.c.external_id,
    "active": _TABLE.c.active,
    "verified": _TABLE.c.verified,
    "created": _TABLE.c.created_ms,
    "meta.created": _TABLE.c.created_ms,
    "lastmodified": _TABLE.c.modified_ms,
    "meta.lastmodified": _TABLE.c.modified_ms,
    "meta.version": _TABLE.c.version,
    "version": _TABLE.c.version,
    "previous_logon_success_time": _TABLE.c.previous_logon_ms,
    "last_logon_success_time": _TABLE.c.last_logon_ms,
}


def get(connection: Connection, user_id: str) -> User:
    """Raises: UaaError: 404."""
    found = find(connection, user_id)
    if found is None:
        raise scim_not_found(f"User {user_id} does not exist")
    return found


def find(connection: Connection, user_id: str) -> User | None:
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == user_id)).one_or_none()
    return _user(row) if row else None


def by_name(connection: Connection, username: str, origin: str = UAA) -> User | None:
    statement = select(_TABLE).where(_TABLE.c.username_key == username.lower(), _TABLE.c.origin == origin)
    row = connection.execute(statement).one_or_none()
    return _user(row) if row else None


def named(connection: Connection, username: str) -> tuple[User, ...]:
    """Everybody of that name, of any origin."""
    rows = connection.execute(select(_TABLE).where(_TABLE.c.username_key == username.lower()))
    return tuple(_user(row) for row in rows)


def add(connection: Connection, user: User) -> None:
    """Raises: UaaError: 409, with the id and state of who has the name."""
    existing = by_name(connection, user.username, user.origin)
    if existing is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(_TABLE).values(**_columns(user)))
        except IntegrityError:
            # Another instance was faster.
            existing = by_name(connection, user.username, user.origin)
            if existing is None:
                raise
        else:
            return
    about = {"active": existing.active, "verified": existing.verified, "user_id": existing.id}
    raise scim_exists(f"Username already in use: {existing.username}", about)


def put(connection: Connection, user: User, *, now_ms: int) -> User:
    """Store the user as its next version.

    Raises:
        UaaError: 409 when the stored version is another than the given one, or the name is taken.
    """
    after = replace(user, version=user.version + 1, modified_ms=now_ms)
    statement = update(_TABLE).where(_TABLE.c.id == user.id, _TABLE.c.version == user.version)
    try:
        with connection.begin_nested():
            changed = connection.execute(statement.values(**_columns(after))).rowcount
    except IntegrityError as error:
        raise scim_exists(f"Username already in use: {user.username}") from error
    if changed != 1:
        raise scim_exists(
            f"Attempt to update a user ({user.id}) with wrong version: expected={get(connection, user.id).version} but found={user.version}"
        )
    return after


def note_logon(connection: Connection, user: User, *, now_ms: int) -> None:
    """The last logon becomes the previous one; the version stays, for nobody edited the user."""
    values = {"last_logon_ms": now_ms, "previous_logon_ms": user.last_logon_ms}
    connection.execute(update(_TABLE).where(_TABLE.c.id == user.id).values(**values))


def remove(connection: Connection, user_id: str) -> None:
    """The user and everything that refers to it."""
    connection.execute(delete(schema.members).where(schema.members.c.member_id == user_id))
    for table in (schema.tokens, schema.sessions, schema.approvals):
        connection.execute(delete(table).where(table.c.user_id == user_id))
    connection.execute(delete(schema.failures).where(schema.failures.c.principal == user_id))
    connection.execute(delete(_TABLE).where(_TABLE.c.id == user_id))


def remove_origin(connection: Connection, origin: str) -> None:
    """All users of a provider that goes."""
    for user_id in connection.execute(select(_TABLE.c.id).where(_TABLE.c.origin == origin)).scalars().all():
        remove(connection, user_id)


def page(
    connection: Connection, condition: Node | None, *, sort_by: str, ascending: bool, start: int, count: int
) -> tuple[tuple[User, ...], int]:
    """One page and how many there are in all. ``start`` counts from 0.

    Raises:
        FilterError: the filter or the sort order names what users do not have.
    """
    clause = where(condition, COLUMNS) if condition else None
    column = order(sort_by, COLUMNS)
    statement, total = select(_TABLE), select(func.count()).select_from(_TABLE)
    if clause is not None:
        statement, total = statement.where(clause), total.where(clause)
    ordered = statement.order_by(column.asc() if ascending else column.desc(), _TABLE.c.id)
    rows = connection.execute(ordered.offset(start).limit(count))
    return tuple(_user(row) for row in rows), connection.execute(total).scalar_one()


def _columns(user: User) -> dict[str, Any]:
    return {**asdict(user), "username_key": user.username.lower()}


def _user(row: Row[Any]) -> User:
    values = dict(row._mapping)
    del values["username_key"]
    return User(**values)


def salted(user: User, salt: str) -> User:
    """The user with every token given so far void."""
    return replace(user, salt=salt)
