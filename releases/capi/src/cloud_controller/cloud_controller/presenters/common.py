"""Pieces of JSON bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cloud_controller.clock import stamp
from cloud_controller.state import labels
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def href(call: Call, path: str, method: str | None = None) -> dict[str, str]:
    """A link below ``/v3``."""
    link = {"href": f"{call.config.url}/v3/{path}"}
    return {**link, "method": method} if method else link


def to_one(guid: str | None) -> Record:
    """A relationship to one resource or none."""
    return {"data": {"guid": guid} if guid else None}


def to_many(guids: Iterable[str]) -> Record:
    """A relationship to several resources."""
    return {"data": [{"guid": guid} for guid in guids]}


def times(record: Record) -> dict[str, Any]:
    """guid, created_at and updated_at."""
    return {
        "guid": record["guid"],
        "created_at": stamp(record["created_at"]),
        "updated_at": stamp(record["updated_at"]),
    }


def metadata(call: Call, kind: str, records: list[Record]) -> dict[str, labels.Metadata]:
    """The metadata of a page of records."""
    return labels.of_many(call.store, kind, [record["guid"] for record in records])


def linked(call: Call, table: sa.Table, key: str, target: str, guids: Iterable[str]) -> dict[str, list[str]]:
    """Pairs of a table by their first part: for each of ``guids`` the linked guids."""
    wanted = list(guids)
    found: dict[str, list[str]] = {guid: [] for guid in wanted}
    if wanted:
        query = sa.select(table.c[key], table.c[target]).where(table.c[key].in_(wanted)).order_by(table.c[target])
        for row in call.store.rows(query):
            found[row[key]].append(row[target])
    return found
