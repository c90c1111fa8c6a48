"""Sizes as manifests write them: ``256M``, ``1 GB``, ``16K``."""

from __future__ import annotations

import re

UNITS = {
    "B": 1,
    "K": 1 << 10,
    "KB": 1 << 10,
    "M": 1 << 20,
    "MB": 1 << 20,
    "G": 1 << 30,
    "GB": 1 << 30,
    "T": 1 << 40,
    "TB": 1 << 40,
}
_SIZE = re.compile(r"^\s*(-?\d+)\s*([A-Za-z]+)\s*$")
SUPPORTED = "must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB"


class BadSize(Exception):
    """Not a size; says what is wrong as the end of a sentence."""


def to_bytes(text: object) -> int:
    """A size in bytes.

    Raises:
        BadSize: not understood.
    """
    match = _SIZE.match(str(text))
    if match is None:
        raise BadSize("is not a number" if re.fullmatch(r"\D*", str(text)) else SUPPORTED)
    unit = match[2].upper()
    if unit not in UNITS:
        raise BadSize(SUPPORTED)
    return int(match[1]) * UNITS[unit]


def to_megabytes(text: object) -> int:
    """A size in MB."""
    return to_bytes(text) >> 20


def rate(text: object) -> int:
    """A log rate in bytes per second; -1 is no limit."""
    return int(str(text)) if str(text) in {"-1", "0"} else to_bytes(text)


def show_rate(bytes_per_second: int) -> int | str:
    """A log rate as people write it."""
    if bytes_per_second in {-1, 0}:
        return bytes_per_second
    for unit in ("T", "G", "M", "K"):
        if bytes_per_second % UNITS[unit] == 0:
            return f"{bytes_per_second // UNITS[unit]}{unit}"
    return f"{bytes_per_second}B"
