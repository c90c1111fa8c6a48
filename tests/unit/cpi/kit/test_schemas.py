from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from cpi_kit.errors import InvalidCall
from cpi_kit.schemas import ARGUMENTS, checked_arguments, json_schema

from bosh.wire import cpi as wire

VALUES: dict[str, Any] = {"string": "x", "integer": 5, "object": {"k": 1}, "array": ["x"]}


def good(method: str) -> list[Any]:
    if method == "calculate_vm_cloud_properties":
        return [{"cpu": 1, "ram": 2, "ephemeral_disk_size": 3}]
    return [VALUES[argument.type] for argument in ARGUMENTS[method]]


def test_every_method_is_described() -> None:
    assert set(ARGUMENTS) == set(wire.METHODS)


@pytest.mark.parametrize("method", wire.METHODS)
def test_good_arguments_pass_check_and_schema(method: str) -> None:
    arguments = good(method)
    jsonschema.validate(arguments, json_schema(method))
    expected = [1, 2, 3] if method == "calculate_vm_cloud_properties" else arguments
    assert checked_arguments(method, arguments) == expected


@pytest.mark.parametrize("method", wire.METHODS)
def test_one_argument_too_many_fails_both(method: str) -> None:
    arguments = [*good(method), 1]
    with pytest.raises(InvalidCall):
        checked_arguments(method, arguments)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, json_schema(method))


@pytest.mark.parametrize(
    ("method", "position"), [(m, n) for m, arguments in ARGUMENTS.items() for n in range(len(arguments))]
)
def test_a_wrong_type_fails_both_and_is_named(method: str, position: int) -> None:
    arguments = good(method)
    arguments[position] = True
    with pytest.raises(InvalidCall, match=ARGUMENTS[method][position].name):
        checked_arguments(method, arguments)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, json_schema(method))


def test_null_maps_and_lists_read_as_empty() -> None:
    assert checked_arguments("create_vm", ["a", "s", None, {}, None]) == ["a", "s", {}, {}, [], {}]
    assert checked_arguments("create_disk", [5, None]) == [5, {}, None]


@pytest.mark.parametrize("arguments", [[], [None], [""]])
def test_a_missing_or_empty_cid_is_refused(arguments: list[Any]) -> None:
    with pytest.raises(InvalidCall, match="vm_cid"):
        checked_arguments("has_vm", arguments)


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_sizes_are_positive_whole_numbers(size: Any) -> None:
    with pytest.raises(InvalidCall, match="size_mb"):
        checked_arguments("create_disk", [size, {}, None])


@pytest.mark.parametrize("size", [{}, {"cpu": 1, "ram": "2", "ephemeral_disk_size": 3}])
def test_instance_size_needs_its_three_numbers(size: dict[str, Any]) -> None:
    with pytest.raises(InvalidCall, match="positive integer"):
        checked_arguments("calculate_vm_cloud_properties", [size])
