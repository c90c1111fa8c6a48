"""Labels and annotations of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from cloud_controller.selectors import Requirement
from cloud_controller.state.store import Store
from cloud_controller.state.tables import metadata_entries as entries

Metadata = dict[str, dict[str, str | None]]
"""``labels`` and ``annotations``, each key to value; in an update a missing value removes the key."""


def of_many(store: Store, kind: str, guids: Iterable[str]) -> dict[str, Metadata]:
    """The metadata of several resources of a kind, in one statement."""
    wanted = list(guids)
    found: dict[str, Metadata] = {guid: {"labels": {}, "annotations": {}} for guid in wanted}
    if wanted:
        query = sa.select(entries).where(entries.c.resource_type == kind, entries.c.resource_guid.in_(wanted))
        for row in store.rows(query.order_by(entries.c.key)):
            found[row["resource_guid"]][f"{row['entry']}s"][row["key"]] = row["value"]
    return found


def change(store: Store, kind: str, guid: str, update: Mapping[str, Mapping[str, str | None]] | None) -> None:
    """Add, replace and (for nulls) remove labels and annotations."""
    for entry in ("label", "annotation"):
        for key, value in ((update or {}).get(f"{entry}s") or {}).items():
            _put(store, kind, guid, entry, key, value)


def _put(store: Store, kind: str, guid: str, entry: str, key: str, value: str | None) -> None:
    same = (
        entries.c.resource_type == kind,
        entries.c.resource_guid == guid,
        entries.c.entry == entry,
        entries.c.key == key,
    )
    store.remove_where(entries, *same)
    if value is not None:
        row = {"entry": entry, "resource_type": kind, "resource_guid": guid, "key": key, "value": value}
        store.connection.execute(sa.insert(entries).values(**row))


def copy(store: Store, kind: str, source: str, target: str) -> None:
    """Give one resource the metadata of another."""
    change(store, kind, target, of_many(store, kind, [source])[source])


def forget(store: Store, kind: str, guids: Iterable[str]) -> None:
    """The resources are gone, and so is their metadata."""
    store.remove_where(entries, entries.c.resource_type == kind, entries.c.resource_guid.in_(list(guids)))


def condition(kind: str, guid: sa.ColumnElement[Any], requirement: Requirement) -> sa.ColumnElement[bool]:
    """Whether the record with ``guid`` meets one requirement of a label selector."""
    labelled = sa.select(entries.c.id).where(
        entries.c.entry == "label",
        entries.c.resource_type == kind,
        entries.c.resource_guid == guid,
        entries.c.key == requirement.key,
    )
    if requirement.values:
        labelled = labelled.where(entries.c.value.in_(requirement.values))
    return sa.not_(labelled.exists()) if requirement.negated else labelled.exists()
