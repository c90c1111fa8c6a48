"""Ranges of outputs, and times as clients write and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bosh.wire.director_api import ranges, times

NOW = datetime(2026, 1, 9, 6, 23, 25, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-", (0, 10)),
        ("bytes=3-5", (3, 6)),
        ("bytes=3-500", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-400", (0, 10)),
        ("bytes=5-3", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=1-2", None),
    ],
)
def test_what_is_asked_for(header: str, expected: tuple[int, int] | None) -> None:
    found = ranges.wanted(header, 10)
    assert (found and (found.start, found.stop)) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-5", 0), ("bytes=-0", 10)])
def test_nothing_there_yet(header: str, size: int) -> None:
    with pytest.raises(ranges.Unsatisfiable, match=rf"bytes \*/{size}"):
        ranges.wanted(header, size)


def test_content_range() -> None:
    assert ranges.Slice(2, 6, 10).content_range() == "bytes 2-5/10"


def test_written_times() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))
    assert times.ruby(elsewhere) == "2026-01-09 06:23:25 UTC"
    assert times.iso(elsewhere) == "2026-01-09T06:23:25Z"
    assert times.lock_timeout(NOW) == f"{int(NOW.timestamp())}.000005"
    assert times.unix(None) is None


@pytest.mark.parametrize(
    "text",
    ["1767939805", "2026-01-09 06:23:25 UTC", "2026-01-09T06:23:25Z", "2026-01-09 08:23:25 +0200", "2026-01-09T08:23:25+02:00", "2026-01-09 06:23:25"],
)  # fmt: skip
def test_read_times(text: str) -> None:
    assert times.parse(text) == NOW.replace(microsecond=0)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01 00:00:00", "2026-01-09"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|month|format"):
        times.parse(text)


def test_rfc3339_only() -> None:
    assert times.parse_rfc3339("2026-01-09T06:23:25Z") == NOW.replace(microsecond=0)
    with pytest.raises(ValueError, match="RFC 3339"):
        times.parse_rfc3339("2026-01-09 06:23:25 UTC")
