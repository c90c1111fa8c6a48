"""Release versions: ``RELEASE[-PRE][+POST]``, compared part by part. Pure.

Facts: `cppforlife/go-semi-semantic`, `cloudfoundry/semi_semantic`. A missing pre-release is newer than any, a missing post-release older
than any; in a part, text is newer than a number, and ``1`` equals ``1.0``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_VERSION = re.compile(r"(?P<release>[0-9A-Za-z_.]+)(-(?P<pre>[0-9A-Za-z_.\-]+))?(\+(?P<post>[0-9A-Za-z_.\-]+))?\Z")
_COMPONENT = re.compile(r"[0-9A-Za-z_\-]+\Z")

Segment = tuple[int | str, ...]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A parsed version; equality is that of the order, so ``1`` equals ``1.0``."""

    release: Segment
    pre: Segment = ()
    post: Segment = ()

    def __str__(self) -> str:
        pre = f"-{_joined(self.pre)}" if self.pre else ""
        post = f"+{_joined(self.post)}" if self.post else ""
        return f"{_joined(self.release)}{pre}{post}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        pre = (0, _ordered(self.pre)) if self.pre else (1, ())
        post = (1, _ordered(self.post)) if self.post else (0, ())
        return _ordered(self.release), pre, post

    def next_release(self) -> Version:
        """``1.2`` → ``1.3``, without pre- and post-release. Raises ValueError when the last part is no number."""
        return Version(_incremented(self.release))

    def next_post_release(self, first: Segment = ("dev", 1)) -> Version:
        """``1+dev.2`` → ``1+dev.3``; ``1`` → ``1+`` and the first given."""
        return Version(self.release, self.pre, _incremented(self.post) if self.post else first)

    def with_post_release(self, post: Segment) -> Version:
        return Version(self.release, self.pre, post)


def parse(text: str) -> Version:
    """Read a version.

    Raises:
        ValueError: not a version.
    """
    found = _VERSION.match(text)
    if not found:
        raise ValueError(f"Expected version '{text}' to match version format")
    return Version(_segment(found["release"]), _segment(found["pre"] or ""), _segment(found["post"] or ""))


def _segment(text: str) -> Segment:
    return tuple(_component(part, text) for part in text.split(".")) if text else ()


def _component(part: str, whole: str) -> int | str:
    # "01" is a word: written back as a number it would lose its zero.
    if part.isascii() and part.isdecimal() and (part == "0" or part[0] != "0"):
        return int(part)
    if not _COMPONENT.match(part):
        raise ValueError(f"Expected component '{part}' from version segment '{whole}' to be a number or a word")
    return part


def _joined(segment: Segment) -> str:
    return ".".join(str(component) for component in segment)


def _ordered(segment: Segment) -> tuple[tuple[int, int, str], ...]:
    end = len(segment)
    while end and segment[end - 1] == 0:
        end -= 1
    return tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in segment[:end])


def _incremented(segment: Segment) -> Segment:
    last = segment[-1]
    if not isinstance(last, int):
        raise ValueError(
            f"Expected version segment '{_joined(segment)}' to have last component '{last}' to be an integer"
        )
    return (*segment[:-1], last + 1)
