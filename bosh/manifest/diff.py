"""What a deploy or a new config would change, line by line, as the original shows it (bosh: manifest/changeset.rb, diff_lines.rb).

List entries that are maps are paired by ``name``, or by ``range``; sections come in a fixed order with empty lines between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from bosh.manifest.model import Json
from bosh.manifest.psych import psych_lines
from bosh.manifest.values import clone, same

State = Literal["", "added", "removed"]

REDACTED: Final = "<redacted>"
REDACTED_KEYS: Final = frozenset({"properties", "bosh"})

SECTIONS: Final = (
    "azs", "vm_types", "vm_extensions", "resource_pools", "compilation", "networks", "disk_types", "name", "stemcells",
    "releases", "update", "jobs", "release", "addons", "variables",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff; ``state`` is empty for the lines around a change."""

    text: str
    state: State


def lines(old: Mapping[str, Json], new: Mapping[str, Json], *, redact: bool) -> list[Line]:
    """How ``old`` becomes ``new``; no lines when they are equal.

    Args:
        redact: show ``<redacted>`` for every value under ``properties`` and ``bosh`` and for credentials in release URLs.
    """
    shown_old, shown_new = (redacted(old), redacted(new)) if redact else (old, new)
    return _ordered(list(_maps(_Pair(old, shown_old), _Pair(new, shown_new), 0)))


# --- comparing ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    """A value and what may be shown of it."""

    value: Any
    shown: Any

    def under(self, key: Any) -> _Pair:
        return _Pair(self.value.get(key), self.shown.get(key))

    def items(self) -> list[_Pair]:
        return [_Pair(value, shown) for value, shown in zip(self.value, self.shown, strict=True)]


@dataclass(frozen=True, slots=True)
class _Indented:
    indent: int
    text: str
    state: State = ""


def _yaml(value: Json, indent: int, state: State) -> Iterator[_Indented]:
    for text in psych_lines(value):
        yield _Indented(indent, text, state)


def _maps(old: _Pair, new: _Pair, indent: int) -> Iterator[_Indented]:
    for key in [*old.value, *(key for key in new.value if key not in old.value)]:
        before, after = old.under(key), new.under(key)
        if same(before.value, after.value):
            continue
        if before.value is None:
            yield from _yaml({key: after.shown}, indent, "added")
        elif after.value is None:
            yield from _yaml({key: before.shown}, indent, "removed")
        elif isinstance(before.value, list) and isinstance(after.value, list):
            yield from _headed(key, _lists(before, after, indent), indent)
        elif isinstance(before.value, Mapping) and isinstance(after.value, Mapping):
            yield from _headed(key, _maps(before, after, indent + 1), indent)
        else:
            yield from _yaml({key: before.shown}, indent, "removed")
            yield from _yaml({key: after.shown}, indent, "added")


def _headed(key: Any, inner: Iterator[_Indented], indent: int) -> Iterator[_Indented]:
    found = list(inner)
    if found:
        yield _Indented(indent, f"{key}:")
        yield from found


def _lists(old: _Pair, new: _Pair, indent: int) -> Iterator[_Indented]:
    before, after = old.items(), new.items()
    added = _without(after, before)
    removed = _without(before, after)
    for entry in added:
        key = _pairing_key([*added, *removed]) if isinstance(entry.value, Mapping) else ""
        partner = _partner(entry, removed, key) if key else None
        if partner is None:
            yield from _yaml([entry.shown], indent, "added")
            continue
        removed = [each for each in removed if not same(each.value, partner.value)]
        changes = list(_maps(partner, entry, indent + 1))
        if changes:
            yield from _yaml([{key: entry.shown[key]}], indent, "")
            yield from changes
    if removed:
        yield from _yaml([each.shown for each in removed], indent, "removed")


def _without(entries: Sequence[_Pair], others: Sequence[_Pair]) -> list[_Pair]:
    return [entry for entry in entries if not any(same(entry.value, other.value) for other in others)]


def _pairing_key(entries: Sequence[_Pair]) -> str:
    """``name`` or ``range`` when all entries that are anything have it."""
    known = [entry.value for entry in entries if entry.value is not None]
    for key in ("name", "range"):
        if all(isinstance(value, Mapping) and value.get(key) for value in known):
            return key
    return ""


def _partner(entry: _Pair, removed: Sequence[_Pair], key: str) -> _Pair | None:
    return next((each for each in removed if each.value is not None and each.value[key] == entry.value[key]), None)


# --- order --------------------------------------------------------------------------------------------------------------------------


def _ordered(found: list[_Indented]) -> list[Line]:
    """Sections in their order, an empty line before each but the first."""
    sections: dict[str, list[Line]] = {}
    heading = ""
    for line in found:
        if line.indent == 0 and not re.match("[ -]", line.text):
            heading = line.text
            sections[heading] = [Line("", "")]
        sections[heading].append(Line("  " * line.indent + line.text, line.state))
    first = [sections.pop(f"{name}:") for name in SECTIONS if f"{name}:" in sections]
    return [line for section in [*first, *sections.values()] for line in section][1:]


# --- secrets ------------------------------------------------------------------------------------------------------------------------


def redacted(value: Json) -> Json:
    """A copy without what may be secret: scalars under ``properties`` and ``bosh``, user and password in release URLs."""
    copy = clone(value)
    _redact(copy)
    releases = copy.get("releases") if isinstance(copy, dict) else None
    for release in releases if isinstance(releases, list) else ():
        if isinstance(release, dict) and isinstance(release.get("url"), str):
            release["url"] = redacted_url(release["url"])
    return copy


def _redact(value: Json) -> None:
    if isinstance(value, dict):
        for key, child in value.items():
            if key in REDACTED_KEYS and isinstance(child, dict):
                value[key] = _blanked(child)
            else:
                _redact(child)
    elif isinstance(value, list):
        for child in value:
            _redact(child)


def _blanked(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _blanked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_blanked(child) for child in value]
    return REDACTED


def redacted_url(url: str) -> str:
    """``https://<redacted>:<redacted>@host/…``"""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    for secret in (parts.username, parts.password):
        if secret:
            url = url.replace(secret, REDACTED, 1)
    return url
