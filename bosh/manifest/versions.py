"""BOSH's versions, ordered as the original's (semi_semantic; bosh: lib/bosh/version/{release,stemcell}_version.rb).

``release[-pre][+post]``, each of dotted parts; numbers compare as numbers and come before words, missing parts count as zero;
a pre-release comes before, a post-release (``+dev.3``) after the plain version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import total_ordering
from itertools import zip_longest

_VERSION = re.compile(r"([0-9A-Za-z_.]+)(?:-([0-9A-Za-z_\-.]+))?(?:\+([0-9A-Za-z_\-.]+))?")
_OLD_DEV = re.compile(r"(.*)\.([0-9]+)-dev")
_LATEST = re.compile(r"(?:(.+)\.)?latest")

Part = int | str
Segment = tuple[Part, ...]


@total_ordering
class Version:
    """A parsed version. Equal ones may differ in text: ``1`` and ``1.0``.

    Raises:
        ValueError: not a version.
    """

    __slots__ = ("post", "pre", "release", "text")

    def __init__(self, text: str) -> None:
        match = _VERSION.fullmatch(text)
        if not match:
            raise ValueError(f"Release version invalid: {text}")
        self.text = text
        self.release = _segment(match[1])
        self.pre = _segment(match[2]) if match[2] is not None else None
        self.post = _segment(match[3]) if match[3] is not None else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and _compare(self, other) == 0

    def __lt__(self, other: Version) -> bool:
        return _compare(self, other) < 0

    def __hash__(self) -> int:
        return hash(self.release[:1])

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def release_version(text: str) -> Version:
    """A release's version; the old form ``1.2-dev`` means ``1+dev.2``."""
    old = _OLD_DEV.fullmatch(text)
    return Version(f"{old[1]}+dev.{old[2]}" if old else text)


def stemcell_version(text: str) -> Version:
    """A stemcell's version; ``_`` was once written for a point."""
    return Version(text.replace("_", "."))


def same_line(one: str, other: str) -> bool:
    """Whether two stemcell versions are of one line: their first parts are equal."""
    return stemcell_version(one).release[0] == stemcell_version(other).release[0]


def latest_prefix(wanted: str) -> str | None:
    """For ``latest`` the empty text, for ``1.2.latest`` ``1.2``; None for an exact version."""
    match = _LATEST.fullmatch(wanted)
    return None if not match else match[1] or ""


def newest(
    versions: Iterable[str], *, prefix: str = "", parse: Callable[[str], Version] = release_version
) -> str | None:
    """The greatest of the versions that are ``prefix`` or begin with it and a separator."""
    within = re.compile(f"{re.escape(prefix)}(?:[.\\-+].*)?")
    known = [version for version in versions if not prefix or within.fullmatch(version)]
    return max(known, key=lambda version: _sortable(version, parse), default=None)


def _sortable(text: str, parse: Callable[[str], Version]) -> tuple[bool, Version]:
    """Texts that are no versions at all come first."""
    try:
        return (True, parse(text))
    except ValueError:
        return (False, Version("0"))


def exactly(wanted: str, versions: Iterable[str]) -> str | None:
    """The uploaded version that ``wanted`` names, literally or in the other form of a dev version."""
    known = list(versions)
    if wanted in known:
        return wanted
    try:
        form = release_version(wanted).text
    except ValueError:
        return None
    return next((version for version in known if _same_text(version, form)), None)


def _same_text(version: str, form: str) -> bool:
    try:
        return release_version(version).text == form
    except ValueError:
        return False


def _segment(text: str) -> Segment:
    return tuple(int(part) if part.isdecimal() else part for part in text.split("."))


def _compare(one: Version, other: Version) -> int:
    return (
        _compare_segments(one.release, other.release)
        or _compare_optional(one.pre, other.pre, absent=1)
        or _compare_optional(one.post, other.post, absent=-1)
    )


def _compare_optional(one: Segment | None, other: Segment | None, *, absent: int) -> int:
    """``absent``: how a missing segment compares with one that is there."""
    if one is None or other is None:
        return 0 if one is other else absent if one is None else -absent
    return _compare_segments(one, other)


def _compare_segments(one: Segment, other: Segment) -> int:
    for a, b in zip_longest(one, other, fillvalue=0):
        if isinstance(a, str) != isinstance(b, str):
            return 1 if isinstance(a, str) else -1
        if a != b:
            return -1 if a < b else 1  # type: ignore[operator]
    return 0
