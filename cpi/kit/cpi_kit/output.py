"""The response stream: the real stdout, kept for responses alone."""

from __future__ import annotations

import os
import sys
from io import FileIO
from typing import Protocol


class Writable(Protocol):
    """An unbuffered binary stream."""

    def write(self, data: memoryview, /) -> int | None: ...


def claim_stdout() -> FileIO:
    """Take stdout; whatever else prints there, a child process for example, goes to stderr and cannot spoil a response."""
    sys.stdout.flush()
    claimed = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return claimed


def write_all(out: Writable, data: bytes) -> None:
    """An unbuffered stream may take less than it is given. Raises BrokenPipeError."""
    rest = memoryview(data)
    while rest:
        rest = rest[out.write(rest) or 0 :]
