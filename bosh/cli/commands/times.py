"""Moments as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bosh.cli.failures import UsageError, flagged

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


def rfc3339(text: str, flag: str) -> str:
    """``2006-01-02T15:04:05Z``, any zone or none (then UTC), as UTC; empty for empty (bosh-cli: cmd/opts/time_arg.go).

    Raises:
        UsageError: it is not such a moment.
    """
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if _FORM.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        with flagged(flag):
            raise UsageError(
                f"Invalid timestamp '{text}': expected RFC 3339 format "
                "(e.g., 2006-01-02T15:04:05Z or 2006-01-02T15:04:05)"
            )
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
