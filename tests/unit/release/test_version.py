"""Release versions."""

from __future__ import annotations

import random

import pytest

from bosh.release import version

ASCENDING = [
    "0+dev.1",
    "0+dev.2",
    "0+dev.10",
    "1-alpha",
    "1-rc.1",
    "1-rc.2",
    "1",
    "1+dev.1",
    "1.1",
    "1.9",
    "1.10",
    "1.a",
    "2",
    "10",
    "a",
]


def test_order() -> None:
    shuffled = [version.parse(text) for text in ASCENDING]
    random.Random(3).shuffle(shuffled)
    assert [str(found) for found in sorted(shuffled)] == ASCENDING


def test_trailing_zeros_do_not_count() -> None:
    assert version.parse("1.0.0") == version.parse("1")
    assert hash(version.parse("1.0")) == hash(version.parse("1"))
    assert version.parse("1") != version.parse("1+dev.1")


@pytest.mark.parametrize("text", ["1", "1.2.3", "0+dev.1", "1-rc.1+dev.3", "2023_01", "1.01"])
def test_text_survives(text: str) -> None:
    assert str(version.parse(text)) == text


@pytest.mark.parametrize("text", ["", "1..2", "1.", "-1", "1+", "a b", "1\n", "1+dev+x"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expected"):
        version.parse(text)


def test_next() -> None:
    assert str(version.parse("1.9-rc.1+dev.2").next_release()) == "1.10"
    assert str(version.parse("1.9").next_post_release()) == "1.9+dev.1"
    assert str(version.parse("1.9+dev.9").next_post_release()) == "1.9+dev.10"
    with pytest.raises(ValueError, match="to be an integer"):
        version.parse("1.a").next_release()
