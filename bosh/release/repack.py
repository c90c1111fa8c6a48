"""Release tarballs opened and written again: other digests, fewer packages, or only looked at.

Source: bosh-cli `cmd/redigest_release.go`, `cmd/inspect_local_release.go`, `cmd/upload_release.go`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Literal

from bosh.release import built, tarball
from bosh.release.built import BuiltPart, BuiltRelease
from bosh.wire import digest, release_mf
from bosh.wire.errors import ReleaseInvalidArchive, ReleaseManifestNotFound, ReleaseSha1DoesNotMatch
from bosh.wire.release_mf import ReleaseManifest


def inspect(path: Path) -> ReleaseManifest:
    """What a release tarball says about itself; nothing else of it is read.

    Raises:
        ReleaseInvalidArchive, ReleaseManifestNotFound, ValidationInvalidValue.
    """
    try:
        with tarball.opened(path) as archive:
            for member in archive:
                if tarball.member_path(member) == "release.MF" and member.isfile():
                    text = archive.extractfile(member)
                    return release_mf.parse(text.read() if text else b"")
    except tarball.TarFault as fault:
        raise ReleaseInvalidArchive(f"cannot read release '{path}'", details=str(fault)) from fault
    raise ReleaseManifestNotFound("Release manifest not found", details=f"'{path}' has no file release.MF")


def redigest(path: Path, target: Path, algorithm: Literal["sha1", "sha256"]) -> BuiltRelease:
    """``sha1ify-release`` and ``sha2ify-release``: the same archives, their digests written in another algorithm.

    Raises:
        ReleaseSha1DoesNotMatch: an archive is not what the manifest says.
    """
    with tempfile.TemporaryDirectory(prefix="bosh-release") as folder:
        release = built.read(path, Path(folder))
        rewritten = replace(
            release,
            jobs=tuple(_redigested(part, algorithm) for part in release.jobs),
            packages=tuple(_redigested(part, algorithm) for part in release.packages),
            license=_redigested(release.license, algorithm) if release.license else None,
        )
        built.write(rewritten, target)
    return rewritten


def _redigested(part: BuiltPart, algorithm: str) -> BuiltPart:
    if not digest.file_matches(part.path, part.sha1):
        found = digest.of_file(part.path, digest.strongest(part.sha1).algorithm)
        raise ReleaseSha1DoesNotMatch(
            f"cannot rewrite the digest of {part.kind} '{part.name}'",
            details=f"expected '{part.sha1}', got '{found}'",
        )
    return replace(part, sha1=digest.of_file(part.path, algorithm))


def without_packages(path: Path, target: Path, known: Collection[str]) -> Path:
    """The tarball again without the packages whose fingerprints the director already has."""
    with tempfile.TemporaryDirectory(prefix="bosh-release") as folder:
        return built.write(built.read(path, Path(folder)), target, skip=known)
