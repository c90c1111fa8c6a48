"""A filter's tree as SQL, for the columns that a list may be filtered by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy.schema import Column

from uaa.filters import Comparison, FilterError, Node

_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
}


def where(node: Node, columns: Mapping[str, Column[Any]]) -> ColumnElement[bool]:
    """The condition.

    Args:
        columns: by lower-case attribute name. Text is compared without regard to case; a column whose name ends in ``_ms`` takes
            ISO 8601 times.

    Raises:
        FilterError: an attribute that is not among the columns, or a value of another kind.
    """
    if isinstance(node, Comparison):
        return _comparison(node, columns)
    join = and_ if node.operator == "and" else or_
    return join(where(node.left, columns), where(node.right, columns))


def order(attribute: str, columns: Mapping[str, Column[Any]]) -> Column[Any]:
    """Raises: FilterError: the list cannot be sorted by it."""
    column = columns.get(attribute.lower())
    if column is None:
        raise FilterError(f"no attribute {attribute}")
    return column


def _comparison(node: Comparison, columns: Mapping[str, Column[Any]]) -> ColumnElement[bool]:
    column = order(node.attribute, columns)
    if node.operator == "pr":
        return column.is_not(None)
    if node.value is None:
        if node.operator != "eq":
            raise FilterError("null can only be compared with eq")
        return column.is_(None)
    if column.type.python_type is bool:
        return _flag(node, column)
    if column.type.python_type is int:
        return _number(node, column)
    return _text(node, column)


def _flag(node: Comparison, column: Column[Any]) -> ColumnElement[bool]:
    if node.operator != "eq" or not isinstance(node.value, bool):
        raise FilterError(f"{node.attribute} is true or false")
    return column.is_(node.value)


def _number(node: Comparison, column: Column[Any]) -> ColumnElement[bool]:
    value = node.value
    if isinstance(value, str) and column.name.endswith("_ms"):
        value = _milliseconds(value)
    if isinstance(value, (str, bool)) or node.operator in {"co", "sw"}:
        raise FilterError(f"{node.attribute} is a number")
    if node.operator == "eq":
        return column == value
    condition: ColumnElement[bool] = _ORDER[node.operator](column, value)
    return condition


def _text(node: Comparison, column: Column[Any]) -> ColumnElement[bool]:
    if not isinstance(node.value, str):
        raise FilterError(f"{node.attribute} is a text")
    lowered, value = func.lower(column), node.value.lower()
    if node.operator == "eq":
        return lowered == value
    if node.operator == "co":
        return lowered.contains(value, autoescape=True)
    if node.operator == "sw":
        return lowered.startswith(value, autoescape=True)
    condition: ColumnElement[bool] = _ORDER[node.operator](lowered, value)
    return condition


def _milliseconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FilterError(f"not a time: {text}") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
