from __future__ import annotations

import pytest

from bosh.plan.properties import bind, pick
from bosh.wire.errors import DeploymentInvalidProperty

SPEC = {"a.port": {"default": 80}, "a.name": {}, "b": {"default": {"z": 1, "a": 2}}, "flag": {"default": True}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {"a": {"port": 80, "name": None}, "b": {"a": 2, "z": 1}, "flag": True}, id="defaults, and null without one"),
        pytest.param({"a": {"port": 8080}}, {"a": {"port": 8080, "name": None}, "b": {"a": 2, "z": 1}, "flag": True}, id="the manifest's value wins"),
        pytest.param({"a": {"port": None}, "flag": None}, {"a": {"port": 80, "name": None}, "b": {"a": 2, "z": 1}, "flag": True}, id="null is no value"),
        pytest.param({"flag": False}, {"a": {"port": 80, "name": None}, "b": {"a": 2, "z": 1}, "flag": False}, id="false is one"),
        pytest.param({"a": {"secret": 1}, "more": 2}, {"a": {"port": 80, "name": None}, "b": {"a": 2, "z": 1}, "flag": True}, id="names outside the spec stay hidden"),
        pytest.param({"a": None}, {"a": {"port": 80, "name": None}, "b": {"a": 2, "z": 1}, "flag": True}, id="a null on the way is no value"),
    ],
)  # fmt: skip
def test_bind(given, expected) -> None:
    assert bind(SPEC, given, job="web") == expected


def test_maps_are_sorted_so_that_order_renders_the_same_text() -> None:
    assert list(bind(SPEC, {"b": {"y": {"d": 1, "c": 2}, "x": 1}}, job="web")["b"]) == ["x", "y"]
    assert list(bind(SPEC, {"b": {"y": {"d": 1, "c": 2}}}, job="web")["b"]["y"]) == ["c", "d"]


def test_a_scalar_where_a_map_must_be_is_refused() -> None:
    with pytest.raises(
        DeploymentInvalidProperty, match=r"Property 'a' of job 'web' expected to be a map.*a\.port"
    ) as caught:
        bind(SPEC, {"a": 3}, job="web")
    assert caught.value.code == 190014


def test_a_shared_null_stays_null() -> None:
    assert pick(SPEC, {"a": {"port": None}}, ["a.port", "flag", "nope"], job="web") == (
        {"a": {"port": None}, "flag": True},
        ["nope"],
    )
