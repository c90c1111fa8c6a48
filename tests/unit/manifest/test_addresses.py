"""Address sets as intervals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.manifest.addresses import InvalidAddress, address_text, prefix_length, span, united, within


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/30", "10.0.0.0", "10.0.0.3"),
        ("10.0.0.5/30", "10.0.0.4", "10.0.0.7"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9"),
        (" fd00::1 - fd00::ff ", "fd00::1", "fd00::ff"),
    ],
)
def test_texts_of_addresses(text: str, first: str, last: str) -> None:
    found = span(text)
    assert (address_text(found.first, found.version), address_text(found.last, found.version)) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.0.256", "10.0.0.9-10.0.0.1", "1.2.3.4-fd00::1", "10.0.0.0/8-10.0.0.1", "a-b-c"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress):
        span(text)


def test_spans_of_different_ip_versions_never_meet() -> None:
    assert not span("0.0.0.0/0").touches(span("::/0"))
    assert span("10.0.0.0/8").holds(span("10.1.0.0/16"))
    assert not span("10.0.0.0/16").holds(span("10.0.0.0/8"))
    assert prefix_length("fd00::/64") == 64


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))))
def test_united_intervals_hold_the_same_addresses_and_do_not_touch(intervals: list[tuple[int, int]]) -> None:
    merged = united(intervals)
    for address in range(75):
        assert within(address, merged) == within(address, intervals)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(merged))
