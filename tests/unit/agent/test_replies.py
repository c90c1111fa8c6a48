"""bosh/agent/replies.py"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bosh.agent.replies import MARKER, TOO_LONG, encode_within
from bosh.wire.agent_rpc import Reply, decode_reply


def test_what_fits_is_left_alone() -> None:
    assert json.loads(encode_within(Reply(value={"a": 1}))) == {"value": {"a": 1}}


def test_a_long_value_is_an_exception() -> None:
    assert decode_reply(encode_within(Reply(value="x" * 200), 100)) == Reply(exception=TOO_LONG)


@given(st.text(min_size=300, max_size=900), st.integers(120, 280))
def test_a_long_exception_keeps_its_ends(text: str, limit: int) -> None:
    payload = encode_within(Reply(exception=text), limit)
    assert len(payload) <= limit
    shown = decode_reply(payload).exception
    assert shown is not None
    if shown != TOO_LONG:
        head, _, tail = shown.partition(MARKER)
        assert text.startswith(head)
        assert text.endswith(tail)
