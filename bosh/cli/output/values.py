"""Values inside cells."""

from __future__ import annotations

from typing import Any


def yaml_of(value: Any) -> str:
    """A map or list as YAML, keys sorted; empty for none (bosh-cli: ui/table/values.go ValueInterface)."""
    if value in (None, {}, []):
        return ""
    from bosh.manifest.emit import dump

    return dump(value).strip()


def thousands(count: float) -> str:
    """A number of bytes in kB, MB, … of a thousand: ``1.5 MB`` (bosh-cli: humanize.Bytes)."""
    return _scaled(count, 1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))


def binary(count: float) -> str:
    """A number of bytes in KiB, MiB, … of 1024: ``1.5 GiB`` (bosh-cli: humanize.IBytes)."""
    return _scaled(count, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))


def _scaled(count: float, base: int, units: tuple[str, ...]) -> str:
    """One digit after the point below ten, none above."""
    if count < 10:
        return f"{count:.0f} B"
    power = 0
    while count >= base ** (power + 1) and power < len(units) - 1:
        power += 1
    value = int(count / base**power * 10 + 0.5) / 10
    return f"{value:.1f} {units[power]}" if value < 10 else f"{value:.0f} {units[power]}"
