"""The ``Range`` header of task outputs (bosh: tasks_controller.rb over ``Rack::Utils.byte_ranges``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"\s*bytes=(\d*)-(\d*)\s*\Z")


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes ``start`` to ``stop``, exclusive, of ``size``."""

    start: int
    stop: int
    size: int

    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


class Unsatisfiable(Exception):
    """Nothing of the content lies in the range: status 416, the client asks again later."""


def wanted(header: str, size: int) -> Slice | None:
    """The one range asked for; None for the whole content (no header, several ranges, or one that makes no sense).

    Raises:
        Unsatisfiable: it begins at or after the end.
    """
    found = _ONE.match(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(size - int(found[2]), 0), size
    else:
        start = int(found[1])
        stop = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or stop <= start:
        raise Unsatisfiable(f"bytes */{size}")
    return Slice(start, stop, size)
