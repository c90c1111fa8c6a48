"""From a part's files to its archive, through ``pre_packaging`` where a package has one.

Source: bosh-cli `release/resource/archive.go`.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bosh.release.fingerprint import SourceFile
from bosh.release.parts import Part
from bosh.release.tarball import Entry, write
from bosh.wire.errors import BoshError

_PREP_SCRIPT = "pre_packaging"
_OUTPUT_LINES = 20


def build(part: Part, target: Path, directory: Path) -> None:
    """Write the part's archive.

    Args:
        part: with files.
        target: the archive's path.
        directory: the release directory, for ``RELEASE_DIR`` of ``pre_packaging``.

    Raises:
        BoshError: ``pre_packaging`` failed; its last lines are the details.
        OSError: a file cannot be read or written.
    """
    _check_links(part)
    if not any(file.relative == _PREP_SCRIPT for file in part.files):
        write(target, (_entry(part, file) for file in _sorted(part)), compress=not part.no_compression)
        return
    with tempfile.TemporaryDirectory(prefix="bosh-resource-archive") as name:
        staging = Path(name)
        for file in part.files:
            _stage(part, file, staging)
        _run_prep_script(part, staging, directory)
        write(target, _staged(staging), compress=not part.no_compression)


def _check_links(part: Part) -> None:
    """A link to a folder cannot be packaged next to what is inside: unpacked, the files would land wherever it points."""
    links = set() if part.follow_symlinks else {file.relative for file in part.files if file.path.is_symlink()}
    for file in part.files:
        for folder in PurePosixPath(file.relative).parents:
            if str(folder) in links:
                raise BoshError(
                    f"cannot archive {part.kind} '{part.name}': '{file.relative}' lies behind the link '{folder}'",
                    resolution="list the link's target in 'files', or exclude one of the two with 'excluded_files'",
                )


def _sorted(part: Part) -> list[SourceFile]:
    return sorted(part.files, key=lambda file: file.relative.encode("utf-8", "surrogateescape"))


def _entry(part: Part, file: SourceFile) -> Entry:
    mode = file.path.lstat().st_mode
    if stat.S_ISLNK(mode) and not part.follow_symlinks:
        return Entry(file.relative, link_target=str(file.path.readlink()))
    return Entry(file.relative, file.path, executable=_executable(part, file, mode))


def _executable(part: Part, file: SourceFile, mode: int) -> bool:
    owner = bool(mode & 0o100)
    if owner != bool(mode & 0o111) and not file.exclude_mode:
        # The fingerprint counts everybody's x bit, the archive the owner's: agents would get what was not fingerprinted.
        raise BoshError(
            f"cannot archive {part.kind} '{part.name}': '{file.relative}' is executable for others but not for its owner",
            resolution=f"chmod u+x {file.path}",
        )
    return owner


def _stage(part: Part, file: SourceFile, staging: Path) -> None:
    entry = _entry(part, file)
    place = staging / file.relative
    place.parent.mkdir(parents=True, exist_ok=True)
    if entry.link_target is not None:
        place.symlink_to(entry.link_target)
        return
    shutil.copyfile(file.path, place)
    place.chmod(0o755 if entry.executable else 0o644)


def _run_prep_script(part: Part, staging: Path, directory: Path) -> None:
    script = next(file.path for file in part.files if file.relative == _PREP_SCRIPT)
    result = subprocess.run(
        ["bash", "-x", str(script.resolve())],
        cwd=staging,
        env={**os.environ, "BUILD_DIR": str(staging), "RELEASE_DIR": str(directory.resolve())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        last = "\n".join(result.stdout.splitlines()[-_OUTPUT_LINES:])
        raise BoshError(
            f"cannot archive package '{part.name}': its pre_packaging script failed with status {result.returncode}",
            details=last,
        )
    (staging / _PREP_SCRIPT).unlink(missing_ok=True)


def _staged(staging: Path) -> Iterator[Entry]:
    """Whatever the script left behind, sorted; folders too, because an empty one may be wanted."""
    for path in sorted(staging.rglob("*")):
        relative = path.relative_to(staging).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            yield Entry(relative, link_target=str(path.readlink()))
        elif stat.S_ISDIR(mode):
            yield Entry(relative, is_folder=True)
        elif stat.S_ISREG(mode):
            yield Entry(relative, path, executable=bool(mode & 0o100))
