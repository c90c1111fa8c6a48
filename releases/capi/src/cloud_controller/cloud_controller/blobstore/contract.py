"""What a blobstore does."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

PACKAGES: Final = "packages"
DROPLETS: Final = "droplets"
BUILDPACKS: Final = "buildpacks"
BUILDPACK_CACHE: Final = "buildpack_cache"
RESOURCES: Final = "resources"
BUCKETS: Final = (PACKAGES, DROPLETS, BUILDPACKS, BUILDPACK_CACHE, RESOURCES)


class MissingBlob(Exception):
    """There is no such blob."""


class Blobstore(Protocol):
    """Keeps files by bucket and key; an existing key is replaced in one step."""

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Keep a copy of a file."""

    def exists(self, bucket: str, key: str) -> bool:
        """Whether there is such a blob."""

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy a blob into a file.

        Raises:
            MissingBlob: there is none.
        """

    def local(self, bucket: str, key: str) -> Path | None:
        """The blob's own file where there is one, to send it without a copy; not to be changed."""

    def delete(self, bucket: str, key: str) -> None:
        """Forget a blob; a missing one is fine."""

    def link(self, bucket: str, key: str, lifetime_seconds: int) -> str | None:
        """A URL at which the store itself hands the blob out, if it does."""
