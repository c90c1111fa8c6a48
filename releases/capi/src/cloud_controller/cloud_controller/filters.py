"""Query filters of lists: from ``?names=a,b`` to a condition."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from cloud_controller import errors

Condition = sa.ColumnElement[bool]
Filter = Callable[[list[str]], Condition]
"""Makes a condition of a parameter's values."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"
TIME_KEY = re.compile(r"^(created_ats|updated_ats)(?:\[(lt|lte|gt|gte)\])?$")


def split(text: str) -> list[str]:
    """The values of a comma-joined parameter; clients escape commas inside names a second time."""
    return [unquote(part) for part in text.split(",")]


def one_of(column: sa.ColumnElement[Any]) -> Filter:
    """The column has one of the values; an empty value also means absent."""

    def condition(values: list[str]) -> Condition:
        return column.in_(values) if values != [""] else sa.or_(column == "", column.is_(None))

    return condition


def number_in(column: sa.ColumnElement[Any], name: str) -> Filter:
    """The column has one of the numbers."""

    def condition(values: list[str]) -> Condition:
        if not all(value.isdigit() for value in values):
            raise errors.bad_query(f"{name} must be integers")
        return column.in_([int(value) for value in values])

    return condition


def boolean(column: sa.ColumnElement[Any], name: str) -> Filter:
    """The column is true or false."""

    def condition(values: list[str]) -> Condition:
        if values not in (["true"], ["false"]):
            raise errors.bad_query(f"{name} must be one of: true, false")
        return column.is_(values == ["true"])

    return condition


def within(column: sa.ColumnElement[Any], key: sa.ColumnElement[Any], owner: sa.ColumnElement[Any]) -> Filter:
    """The column refers to a record (by ``key``) whose ``owner`` is one of the values."""
    return lambda values: column.in_(sa.select(key).where(owner.in_(values)))


def times(column: sa.ColumnElement[Any], operator: str | None, values: list[str]) -> Condition:
    """The conditions of ``created_ats`` and ``updated_ats``: exact times, or one bound."""
    moments = [_moment(value) for value in values]
    if operator is None:
        return sa.or_(*(sa.and_(column >= moment, column < _next_second(moment)) for moment in moments))
    if len(moments) != 1:
        raise errors.bad_query(f"Created ats can accept only one value when using '{operator}'")
    bound = moments[0]
    return {
        "lt": column < bound,
        "lte": column < _next_second(bound),
        "gt": column >= _next_second(bound),
        "gte": column >= bound,
    }[operator]


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME)  # noqa: DTZ007  (the database keeps UTC without a zone)
    except ValueError as error:
        raise errors.bad_query("Timestamps must be in the format YYYY-MM-DDThh:mm:ssZ") from error


def _next_second(moment: datetime) -> datetime:
    return moment + timedelta(seconds=1)
