"""Finds what a path names, as far as the caller may see it, and checks what the caller may do with it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.auth.access import within
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def organization(call: Call, guid: str | None = None, deed: str = "read") -> Record:
    """The organization of the path (or with the guid)."""
    found = call.store.find(t.organizations, guid or call.params["guid"])
    if found is None or not call.access.organization(found["guid"], "read"):
        raise errors.not_found("Organization")
    if deed != "read":
        call.access.require_organization(found["guid"], deed)
    return found


def space(call: Call, guid: str | None = None, deed: str = "read") -> Record:
    """The space of the path (or with the guid)."""
    found = call.store.find(t.spaces, guid or call.params["guid"])
    if found is None or not call.access.space(found, "read"):
        raise errors.not_found("Space")
    if deed != "read":
        call.access.require_space(found, deed)
    return found


def app(call: Call, guid: str | None = None, deed: str = "read") -> tuple[Record, Record]:
    """The app of the path (or with the guid) and its space."""
    found = call.store.find(t.apps, guid or call.params["guid"])
    return _in_space(call, found, "App", deed)


def _in_space(call: Call, found: Record | None, title: str, deed: str) -> tuple[Record, Record]:
    where = call.store.find(t.spaces, found["space_guid"]) if found else None
    if found is None or where is None or not call.access.space(where, "read"):
        raise errors.not_found(title)
    if deed != "read":
        call.access.require_space(where, deed)
    return found, where


def of_app(
    call: Call, table: sa.Table, title: str, deed: str = "read", guid: str | None = None
) -> tuple[Record, Record, Record]:
    """A part of an app (by the path's or the given guid), its app and space."""
    found = call.store.find(table, guid or call.params["guid"])
    owner = call.store.find(t.apps, found["app_guid"]) if found else None
    owner, where = _in_space(call, owner, title, deed)
    if found is None:
        raise errors.not_found(title)
    return found, owner, where


def in_space(
    call: Call, table: sa.Table, title: str, deed: str = "read", guid: str | None = None
) -> tuple[Record, Record]:
    """A resource of a space and the space."""
    return _in_space(call, call.store.find(table, guid or call.params["guid"]), title, deed)


def anybody(call: Call, table: sa.Table, title: str) -> Record:
    """A resource that everybody may see."""
    found = call.store.find(table, call.params["guid"])
    if found is None:
        raise errors.not_found(title)
    return found


def by_admin(call: Call, table: sa.Table, title: str) -> Record:
    """A resource that everybody may see and administrators may change."""
    found = anybody(call, table, title)
    call.access.require_admin()
    return found


def visible_in_space(call: Call, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """The condition that a column names a space the caller sees."""
    return within(column, call.access.readable_spaces())


def visible_apps(call: Call, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """The condition that a column names an app the caller sees."""
    spaces = call.access.readable_spaces()
    if spaces is None:
        return []
    return [column.in_(sa.select(t.apps.c.guid).where(t.apps.c.space_guid.in_(spaces)))]


def visible_organizations(call: Call, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """The condition that a column names an organization the caller sees."""
    return within(column, call.access.readable_organizations())
