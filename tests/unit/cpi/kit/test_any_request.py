"""Whatever comes in, one valid line goes out."""

from __future__ import annotations

import json
from typing import Any

from cpi_kit.call import Call
from cpi_kit.dispatch import answer
from cpi_kit.interfaces import Cloud
from hypothesis import given, settings
from hypothesis import strategies as st

from bosh.wire import cpi as wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
METHOD = st.sampled_from([*wire.METHODS, "__class__", "", "call"]) | st.text(max_size=8)
REQUESTS = st.fixed_dictionaries(
    {"method": METHOD | JSON, "arguments": st.lists(JSON, max_size=7) | JSON},
    optional={"context": JSON, "api_version": JSON},
)


class EchoCloud(Cloud):
    """Answers every method with what it was given."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __getattribute__(self, name: str) -> Any:
        if name in wire.METHODS:
            return lambda *arguments: list(arguments)
        return super().__getattribute__(name)


def valid(line: bytes) -> wire.Response:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    json.loads(line, parse_constant=_refuse)
    return wire.decode_response(line)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON; other languages refuse it")


@given(st.binary(max_size=60))
def test_any_bytes(request_line: bytes) -> None:
    valid(answer(EchoCloud, {}, request_line))


@settings(deadline=None)
@given(REQUESTS)
def test_any_json(request_body: dict[str, Any]) -> None:
    response = valid(answer(EchoCloud, {}, json.dumps(request_body).encode()))
    assert response.error is not None or request_body["method"] in wire.METHODS
