"""Groups and who is in them. A user's scopes are the names of its groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from uaa.errors import scim_exists, scim_not_found
from uaa.filters import Node
from uaa.records import ExternalGroup, Group, Member
from uaa.store import schema
from uaa.store.query import order, where

_TABLE = schema.groups
_MEMBERS = schema.members
_EXTERNAL = schema.external_groups
_MAX_DEPTH = 20
COLUMNS: Final = {
    "id": _TABLE.c.id,
    "displayname": _TABLE.c.name,
    "description": _TABLE.c.description,
    "created": _TABLE.c.created_ms,
    "meta.created": _TABLE.c.created_ms,
    "lastmodified": _TABLE.c.modified_ms,
    "meta.lastmodified": _TABLE.c.modified_ms,
    "version": _TABLE.c.version,
    "meta.version": _TABLE.c.version,
}


def get(connection: Connection, group_id: str) -> Group:
    """Raises: UaaError: 404."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == group_id)).one_or_none()
    if row is None:
        raise scim_not_found(f"Group {group_id} does not exist")
    return _group(row)


def by_name(connection: Connection, name: str) -> Group | None:
    row = connection.execute(select(_TABLE).where(_TABLE.c.name_key == name.lower())).one_or_none()
    return _group(row) if row else None


def add(connection: Connection, group: Group) -> None:
    """Raises: UaaError: 409."""
    try:
        with connection.begin_nested():
            connection.execute(insert(_TABLE).values(**_columns(group)))
    except IntegrityError as error:
        raise scim_exists(
            f"A group with displayName: {group.name} already exists. It might have been created by another request."
        ) from error


def put(connection: Connection, group: Group, *, now_ms: int) -> Group:
    """Store the group as its next version. Raises: UaaError: 409."""
    after = replace(group, version=group.version + 1, modified_ms=now_ms)
    statement = update(_TABLE).where(_TABLE.c.id == group.id, _TABLE.c.version == group.version)
    try:
        with connection.begin_nested():
            changed = connection.execute(statement.values(**_columns(after))).rowcount
    except IntegrityError as error:
        raise scim_exists(f"A group with displayName: {group.name} already exists.") from error
    if changed != 1:
        raise scim_exists(f"The version of group {group.id} is another one: read it again")
    return after


def remove(connection: Connection, group_id: str) -> None:
    connection.execute(delete(_MEMBERS).where((_MEMBERS.c.group_id == group_id) | (_MEMBERS.c.member_id == group_id)))
    connection.execute(delete(_EXTERNAL).where(_EXTERNAL.c.group_id == group_id))
    connection.execute(delete(_TABLE).where(_TABLE.c.id == group_id))


def page(
    connection: Connection, condition: Node | None, *, sort_by: str, ascending: bool, start: int, count: int
) -> tuple[tuple[Group, ...], int]:
    """One page and how many there are in all. ``start`` counts from 0. Raises: FilterError."""
    clause = where(condition, COLUMNS) if condition else None
    column = order(sort_by, COLUMNS)
    statement, total = select(_TABLE), select(func.count()).select_from(_TABLE)
    if clause is not None:
        statement, total = statement.where(clause), total.where(clause)
    ordered = statement.order_by(column.asc() if ascending else column.desc(), _TABLE.c.id)
    rows = connection.execute(ordered.offset(start).limit(count))
    return tuple(_group(row) for row in rows), connection.execute(total).scalar_one()


# --- members -----------------------------------------------------------------------------------------------------------------------


def members(connection: Connection, group_id: str) -> tuple[Member, ...]:
    statement = select(_MEMBERS).where(_MEMBERS.c.group_id == group_id).order_by(_MEMBERS.c.member_id)
    return tuple(Member(row.member_id, row.kind, row.origin) for row in connection.execute(statement))


def join(connection: Connection, group_id: str, member: Member) -> bool:
    """Whether it was not a member before."""
    statement = insert(_MEMBERS).values(group_id=group_id, member_id=member.id, kind=member.kind, origin=member.origin)
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        return False
    return True


def leave(connection: Connection, group_id: str, member_id: str) -> bool:
    """Whether it was a member."""
    statement = delete(_MEMBERS).where(_MEMBERS.c.group_id == group_id, _MEMBERS.c.member_id == member_id)
    return connection.execute(statement).rowcount == 1


def replace_members(connection: Connection, group_id: str, wanted: Sequence[Member]) -> None:
    connection.execute(delete(_MEMBERS).where(_MEMBERS.c.group_id == group_id))
    for member in {member.id: member for member in wanted}.values():
        join(connection, group_id, member)


def of_member(connection: Connection, member_id: str) -> tuple[tuple[Group, bool], ...]:
    """Every group the member is in, sorted by name; True for those it is in itself and not through another group."""
    found: dict[str, tuple[Group, bool]] = {}
    wave: Iterable[str] = (member_id,)
    for depth in range(_MAX_DEPTH):
        statement = select(_TABLE).join(_MEMBERS, _MEMBERS.c.group_id == _TABLE.c.id)
        groups = [_group(row) for row in connection.execute(statement.where(_MEMBERS.c.member_id.in_(list(wave))))]
        fresh = [group for group in groups if group.id not in found]
        found |= {group.id: (group, depth == 0) for group in fresh}
        wave = tuple(group.id for group in fresh)
        if not wave:
            break
    return tuple(sorted(found.values(), key=lambda item: item[0].name))


def ensure(connection: Connection, group: Group) -> Group:
    """The group of that name, made when it is not there."""
    existing = by_name(connection, group.name)
    if existing is None:
        add(connection, group)
    return existing or group


# --- groups of other origins ---------------------------------------------------------------------------------------------------------


def external(connection: Connection) -> tuple[ExternalGroup, ...]:
    statement = select(_EXTERNAL).order_by(_EXTERNAL.c.origin, _EXTERNAL.c.external_group)
    return tuple(ExternalGroup(*row) for row in connection.execute(statement))


def map_external(connection: Connection, mapping: ExternalGroup) -> bool:
    """Whether it was not there before."""
    try:
        with connection.begin_nested():
            connection.execute(insert(_EXTERNAL).values(**asdict(mapping)))
    except IntegrityError:
        return False
    return True


def unmap_external(connection: Connection, mapping: ExternalGroup) -> bool:
    """Whether it was there."""
    statement = delete(_EXTERNAL).where(
        _EXTERNAL.c.group_id == mapping.group_id,
        _EXTERNAL.c.external_group == mapping.external_group,
        _EXTERNAL.c.origin == mapping.origin,
    )
    return connection.execute(statement).rowcount == 1


def _columns(group: Group) -> dict[str, Any]:
    return {**asdict(group), "name_key": group.name.lower()}


def _group(row: Row[Any]) -> Group:
    values = dict(row._mapping)
    del values["name_key"]
    return Group(**values)
