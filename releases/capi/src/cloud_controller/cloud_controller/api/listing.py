"""Lists: which parameters they take, and the page they answer. Each costs two statements and those of its presenter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cloud_controller import errors, filters, pagination, selectors
from cloud_controller.filters import Filter
from cloud_controller.state import labels
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply

Presenter = Callable[[Call, list[Record]], list[Record]]
Included = dict[str, list[Record]]
Includer = Callable[[Call, list[Record]], Included]
FieldsIncluder = Callable[[Call, list[Record], list[str]], Included]

_ALWAYS = frozenset({"page", "per_page", "order_by", "guids"})


@dataclass(frozen=True)
class Listing:
    """What a list of one kind of resource offers. ``kind`` names it in metadata; ``extras`` are parameters its handler reads."""

    kind: str
    table: sa.Table
    present: Presenter
    filters: Mapping[str, Filter] = field(default_factory=dict)
    orders: tuple[str, ...] = ()
    default_order: str = "created_at"
    includes: Mapping[str, Includer] = field(default_factory=dict)
    fields: Mapping[str, FieldsIncluder] = field(default_factory=dict)
    extras: frozenset[str] = frozenset()
    labels: bool = True

    def parameters(self) -> list[str]:
        """All parameters, for the error text."""
        own = [*_ALWAYS, *self.filters, *self.extras, "created_ats", "updated_ats"]
        return sorted({*own, *(["label_selector"] if self.labels else []), *(["include"] if self.includes else [])})


def answer(call: Call, listing: Listing, *conditions: sa.ColumnElement[bool]) -> Reply:
    """The page that the query asks for, among the records that meet the conditions."""
    where = [*conditions, *_conditions(call, listing)]
    page = pagination.parse(call.parameter("page"), call.parameter("per_page"))
    query = sa.select(listing.table).where(*where).order_by(*_order(call, listing))
    records = call.store.rows(query.limit(page.size).offset(page.offset))
    total = len(records)
    # A first page that is not full says how many there are.
    if page.number > 1 or total == page.size:
        total = int(call.store.value(sa.select(sa.func.count()).select_from(listing.table).where(*where)))
    body: Record = {
        "pagination": pagination.present(page, total, call.config.url + call.path, call.query),
        "resources": listing.present(call, records),
    }
    included = including(call, listing, records)
    return Reply(body={**body, "included": included} if included is not None else body)


def including(call: Call, listing: Listing, records: list[Record]) -> Included | None:
    """The ``included`` part that ``include`` and ``fields`` ask for."""
    wanted = [name for value in _values(call, "include") for name in filters.split(value) if name]
    unknown = [name for name in wanted if name not in listing.includes]
    if unknown:
        raise errors.bad_query(
            f"Invalid included resource: '{unknown[0]}'. Valid included resources are: "
            + ", ".join(f"'{name}'" for name in listing.includes)
        )
    parts = [listing.includes[name](call, records) for name in wanted]
    parts += [listing.fields[name](call, records, fields) for name, fields in _fields(call, listing)]
    if not parts:
        return None
    result: Included = {}
    for part in parts:
        for kind, bodies in part.items():
            known = {body.get("guid") for body in result.get(kind, [])}
            result.setdefault(kind, []).extend(
                body for body in bodies if body.get("guid") not in known or "guid" not in body
            )
    return result


def one(call: Call, listing: Listing, record: Record, status: int = 200) -> Reply:
    """One resource, with what ``include`` asks for."""
    body = listing.present(call, [record])[0]
    included = including(call, listing, [record])
    return Reply(status, {**body, "included": included} if included is not None else body)


def _values(call: Call, name: str) -> list[str]:
    return [value for key, value in call.query if key == name]


def _fields(call: Call, listing: Listing) -> list[tuple[str, list[str]]]:
    found = [
        (key[7:-1], filters.split(value))
        for key, value in call.query
        if key.startswith("fields[") and key.endswith("]")
    ]
    for name, _ in found:
        if name not in listing.fields:
            raise errors.bad_query(f"Fields parameter is invalid: '{name}' is not a valid resource")
    return found


def _conditions(call: Call, listing: Listing) -> list[sa.ColumnElement[bool]]:
    return [condition for key, value in call.query if (condition := _condition(listing, key, value)) is not None]


def _condition(listing: Listing, key: str, value: str) -> sa.ColumnElement[bool] | None:
    columns = listing.table.c
    if key in listing.filters:
        return listing.filters[key](filters.split(value))
    if key == "guids":
        return columns.guid.in_(filters.split(value))
    if match := filters.TIME_KEY.match(key):
        return filters.times(columns[match[1].removesuffix("s")], match[2], filters.split(value))
    if key == "label_selector" and listing.labels:
        parts = (labels.condition(listing.kind, columns.guid, requirement) for requirement in selectors.parse(value))
        return sa.and_(*parts)
    known = (
        key in _ALWAYS or key in listing.extras or key.startswith("fields[") or (key == "include" and listing.includes)
    )
    if not known:
        valid = ", ".join(f"'{name}'" for name in listing.parameters())
        raise errors.bad_query(f"Unknown query parameter(s): '{key}'. Valid parameters are: {valid}")
    return None


def _order(call: Call, listing: Listing) -> list[Any]:
    asked = call.parameter("order_by") or listing.default_order
    descending, name = asked.startswith("-"), asked.lstrip("+-")
    if name not in ("created_at", "updated_at", "id", *listing.orders, listing.default_order):
        allowed = ", ".join(f"'{word}'" for word in ("created_at", "updated_at", *listing.orders))
        raise errors.bad_query(f"Order by can only be: {allowed}")
    columns = [listing.table.c[name], listing.table.c.id]
    return [column.desc() for column in columns] if descending else columns
