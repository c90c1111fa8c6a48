"""What makes a job, a package or a license the same as before: one digest over names, contents and modes.

Source: bosh-cli `release/resource/fingerprint.go` (scheme ``v2``). Every file's digest is written with its ``sha256:`` prefix into the
hashed text; the final fingerprint has none.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bosh.wire import digest


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that goes into an archive."""

    path: Path
    """Where it is."""
    relative: str
    """Its path in the archive."""
    exclude_mode: bool = False
    """Scripts of a package and licenses: whether they are executable does not count."""
    use_basename: bool = False
    """Licenses: only the last part of the path counts."""


def fingerprint(
    files: Iterable[SourceFile], chunks: Iterable[str] = (), *, follow_symlinks: bool = False, algorithm: str = "sha256"
) -> str:
    """The fingerprint, hex.

    Args:
        files: in any order.
        chunks: names of the packages that a package depends on.
        follow_symlinks: jobs follow links; in a package the link itself is the content.
        algorithm: ``sha256``; ``sha1`` is what CLIs before version 7 used.

    Raises:
        OSError: a file cannot be read.
    """
    state = hashlib.new(algorithm, b"v2")
    for file in sorted(files, key=lambda file: file.relative.encode()):
        state.update(
            _file_text(file, follow_symlinks=follow_symlinks, algorithm=algorithm).encode("utf-8", "surrogateescape")
        )
    names = sorted(chunks, key=str.encode)
    state.update(",".join(names).encode())
    return state.hexdigest()


def _file_text(file: SourceFile, *, follow_symlinks: bool, algorithm: str) -> str:
    mode = file.path.lstat().st_mode
    name = file.path.name if file.use_basename else file.relative
    if stat.S_ISLNK(mode) and not follow_symlinks:
        content = digest.of_bytes(os.fsencode(file.path.readlink()), algorithm)
    else:
        content = digest.of_file(file.path, algorithm)
    return f"{name}{content}{'' if file.exclude_mode else mode_text(mode, follow_symlinks=follow_symlinks)}"


def mode_text(mode: int, *, follow_symlinks: bool) -> str:
    """The mode as git would have it: executable by anyone or not. A followed link has a link's own mode, all bits set."""
    if stat.S_ISDIR(mode):
        return "40755"
    if stat.S_ISLNK(mode) and not follow_symlinks:
        return "symlink"
    return "100755" if mode & 0o111 else "100644"
