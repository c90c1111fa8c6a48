"""Where a manifest and its configs name variables, for errors about variables that are not there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_QUOTED = re.compile(r"variable '([^']+)'")


def places_of(message: str, texts: Iterable[tuple[str, str]]) -> list[str]:
    """``SOURCE:LINE:COLUMN: ((name))`` for each variable that an error names, in order.

    Args:
        texts: (source, text) of the manifest and of configs.
    """
    names = {name.rpartition("/")[2] for name in _QUOTED.findall(message)}
    if not names:
        return []
    any_name = "|".join(re.escape(name) for name in sorted(names))
    wanted = re.compile(rf"\(\(!?(?:[-\w/]*/)?(?:{any_name})(?:\.[-\w.]+)?\)\)")
    return [
        f"{source}:{number}:{match.start() + 1}: {match[0]}"
        for source, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        for match in wanted.finditer(line)
    ]
