"""One event per line: ``time level event key=value …``."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

_PLAIN: Final = re.compile(r"[\w.:/@+\-]+")


class Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        details: Mapping[str, Any] = getattr(record, "details", {})
        pairs = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage(), **details}
        if record.exc_info:
            pairs["error"] = "".join(traceback.format_exception(*record.exc_info))
        return " ".join(f"{key}={_value(value)}" for key, value in pairs.items() if value not in (None, ""))


def _value(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else msgspec.json.encode(text).decode()


def start(level: str) -> None:
    """Everything goes to standard output, where the job's log is."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Both say with other words what the access log says.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLogger().level))
