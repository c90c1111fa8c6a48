"""Times as the director writes them (Ruby's ``Time#to_s`` and ``iso8601``), and as clients may write them in filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def ruby(moment: datetime) -> str:
    """``2026-01-09 06:23:25 UTC``: config, snapshot and orphan times (bosh-cli: director/time_parser.go reads it)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(moment: datetime) -> str:
    """``2026-01-09T06:23:25Z``: VM creation and certificate expiry."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(moment: datetime | None) -> int | None:
    """Whole seconds, or None."""
    return None if moment is None else int(moment.timestamp())


def lock_timeout(moment: datetime) -> str:
    """``secs.micros`` (bosh: locks_controller.rb)."""
    return f"{int(moment.timestamp())}.{moment.microsecond:06d}"


_RUBY = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?) ?(UTC|Z|[+-]\d\d:?\d\d)?$")


def parse(text: str) -> datetime:
    """Unix seconds, RFC 3339, or Ruby's form; without a zone UTC.

    Raises:
        ValueError: none of these.
    """
    if re.fullmatch(r"[-+]?\d{1,12}", text):
        return datetime.fromtimestamp(int(text), UTC)
    found = _RUBY.match(text.strip())
    if found is None:
        raise ValueError(f"not a time: {text!r}")
    zone = found[3] or "Z"
    return datetime.fromisoformat(f"{found[1]}T{found[2]}{'+00:00' if zone in {'UTC', 'Z'} else zone}")


def parse_rfc3339(text: str) -> datetime:
    """Raises ValueError."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text):
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    return datetime.fromisoformat(text.upper())
