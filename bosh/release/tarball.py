"""Tar archives, plain or gzipped: written so that equal content gives equal bytes, read so that nothing leaves its folder."""

from __future__ import annotations

import bz2
import errno
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from isal import igzip, isal_zlib

from bosh.wire.errors import NotEnoughDiskSpace

MTIME_S = 946_684_800
"""Every entry is dated 2000-01-01. Not the epoch: build tools that write zip files refuse years before 1980."""

_GZIP_LEVEL = 2
_COPY_BYTES = 1 << 20
_ISAL_ERROR: Any = isal_zlib.IsalError
_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, _ISAL_ERROR, lzma.LZMAError, ValueError, OverflowError)


class TarFault(Exception):
    """An archive that cannot be read, or that must not be unpacked; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or symlink to be written. Directories above it are written by themselves."""

    path: str
    """Relative, without ``./``."""
    content: bytes | Path = b""
    executable: bool = False
    link_target: str | None = None
    """Makes it a symlink with this text."""
    is_folder: bool = False
    """Writes the folder itself, for one that may be empty."""


def write(target: Path, entries: Iterable[Entry], *, compress: bool = True, prefix: str = "./") -> None:
    """Write an archive with the entries given; directories come before what they hold.

    Args:
        target: overwritten.
        entries: in the order in which they are to appear.
        compress: gzip, else a plain tar (``no_compression``).
        prefix: ``./`` as GNU tar writes for ``tar -C dir .``, or empty.
    """
    with target.open("wb") as stream:
        write_to(stream, entries, compress=compress, prefix=prefix)


def write_to(stream: BinaryIO, entries: Iterable[Entry], *, compress: bool = True, prefix: str = "./") -> None:
    """``write`` to an open binary stream, which stays open."""
    if not compress:
        _write_tar(stream, entries, prefix)
        return
    options: dict[str, Any] = {"filename": "", "mode": "wb", "compresslevel": _GZIP_LEVEL, "mtime": 0}
    packed: Any = igzip.IGzipFile(fileobj=stream, **options)  # type: ignore[no-untyped-call]
    with packed:
        _write_tar(packed, entries, prefix)


def _write_tar(stream: IO[bytes], entries: Iterable[Entry], prefix: str) -> None:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        written: set[str] = set()
        if prefix:
            archive.addfile(_header(prefix.rstrip("/"), tarfile.DIRTYPE, 0o755))
        for entry in entries:
            inside = f"{entry.path}/." if entry.is_folder else entry.path
            for folder in _new_folders(inside, written):
                archive.addfile(_header(prefix + folder, tarfile.DIRTYPE, 0o755))
            if not entry.is_folder:
                _write_entry(archive, prefix, entry)


def _new_folders(path: str, written: set[str]) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for length in range(1, len(parts) + 1):
        name = "/".join(parts[:length])
        if name not in written:
            written.add(name)
            yield name


def _header(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.mode, header.mtime = kind, mode, MTIME_S
    header.uname = header.gname = "root"
    return header


def _write_entry(archive: tarfile.TarFile, prefix: str, entry: Entry) -> None:
    if entry.link_target is not None:
        header = _header(prefix + entry.path, tarfile.SYMTYPE, 0o777)
        header.linkname = entry.link_target
        archive.addfile(header)
        return
    header = _header(prefix + entry.path, tarfile.REGTYPE, 0o755 if entry.executable else 0o644)
    if isinstance(entry.content, bytes):
        header.size = len(entry.content)
        archive.addfile(header, BytesIO(entry.content))
        return
    with entry.content.open("rb") as source:
        header.size = os.fstat(source.fileno()).st_size
        archive.addfile(header, source)


@contextmanager
def opened(source: Path | bytes) -> Iterator[tarfile.TarFile]:
    """An archive, read from front to back; gzip, bzip2, xz or none is told by its first bytes. Checksums are verified at the end.

    Raises:
        TarFault: what was read is broken or ends too early.
        NotEnoughDiskSpace: the body of the ``with`` filled the disk.
    """
    try:
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
            unpacked = _decompressed(stream)
            with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_StrictTarInfo) as archive:
                yield archive
            # The checksum of a compressed stream stands at its end, behind what tar needs to see.
            while unpacked.read(_COPY_BYTES):
                pass
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise NotEnoughDiskSpace("cannot unpack an archive: the disk is full", details=str(error)) from error
        raise TarFault(str(error) or type(error).__name__) from error


class _StrictTarInfo(tarfile.TarInfo):
    """A header that is broken anywhere is a fault; the library's own reader takes one in the middle for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(archive)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise TarFault(f"broken header at byte {archive.offset}: {error}") from error


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    magic = stream.read(6)
    stream.seek(0)
    result: Any = stream
    if magic.startswith(b"\x1f\x8b"):
        result = igzip.IGzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call]
    elif magic.startswith(b"BZh"):
        result = bz2.BZ2File(stream)
    elif magic == b"\xfd7zXZ\0":
        result = lzma.LZMAFile(stream)  # noqa: SIM115 - closed with the stream below it
    checked: IO[bytes] = result
    return checked


def member_path(member: tarfile.TarInfo) -> str:
    """The member's path without ``./``; empty for the root.

    Raises:
        TarFault: an absolute path or one with ``..``, or a device.
    """
    if member.name.startswith("/"):
        raise TarFault(f"'{member.name}' is an absolute path")
    path = PurePosixPath(member.name)
    if ".." in path.parts or "\0" in member.name:
        raise TarFault(f"'{member.name}' leaves the archive")
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise TarFault(f"'{member.name}' is neither a file, a directory nor a link")
    return "" if str(path) == "." else str(path)


def check(source: Path) -> int:
    """Read an archive to its end without unpacking it; the number of its members.

    Raises:
        TarFault: broken, or with members that must not be unpacked.
    """
    count = 0
    with opened(source) as archive:
        for member in archive:
            member_path(member)
            count += 1
    return count


def contents(source: Path | bytes) -> dict[str, bytes]:
    """Path → content of all regular files.

    Raises:
        TarFault: broken, or with members that must not be unpacked.
    """
    files: dict[str, bytes] = {}
    with opened(source) as archive:
        for member in archive:
            path = member_path(member)
            if member.isfile():
                extracted = archive.extractfile(member)
                files[path] = extracted.read() if extracted else b""
    return files


def extract(source: Path, target: Path) -> None:
    """Unpack into an existing empty directory. Owners are dropped, modes reduced to 0755 and 0644.

    Symlinks must point inside the archive, and nothing is ever written through one.

    Raises:
        TarFault: broken, or with members that must not be unpacked.
    """
    with opened(source) as archive:
        for member in archive:
            path = member_path(member)
            if path:
                _extract_member(archive, member, target, PurePosixPath(path))


def _extract_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, path: PurePosixPath) -> None:
    place = root / path
    _make_real_folders(root, path)
    if member.isdir():
        place.mkdir(exist_ok=True)
        return
    if place.is_symlink() or place.exists():
        place.unlink()
    if member.issym():
        _check_link(path.parent, member)
        place.symlink_to(member.linkname)
    elif member.islnk():
        _link(root, member, place)
    else:
        _copy_out(archive, member, place)


def _make_real_folders(root: Path, path: PurePosixPath) -> None:
    for folder in reversed(path.parents):
        place = root / folder
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise TarFault(f"'{path}' would be written through '{folder}', which is no directory")
        place.mkdir(exist_ok=True)


def _check_link(folder: PurePosixPath, member: tarfile.TarInfo) -> None:
    joined = os.path.normpath(folder / member.linkname)
    if member.linkname.startswith("/") or joined == ".." or joined.startswith("../"):
        raise TarFault(f"the link '{member.name}' points outside the archive, to '{member.linkname}'")


def _link(root: Path, member: tarfile.TarInfo, place: Path) -> None:
    wanted = PurePosixPath(member.linkname)
    source = root / wanted
    if wanted.is_absolute() or ".." in wanted.parts or source.is_symlink() or not source.is_file():
        raise TarFault(f"the hard link '{member.name}' names no file of the archive: '{member.linkname}'")
    _make_real_folders(root, PurePosixPath(os.path.normpath(wanted)))
    place.hardlink_to(source)


def _copy_out(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    extracted = archive.extractfile(member)
    with place.open("xb") as target:
        if extracted is not None:
            shutil.copyfileobj(extracted, target, _COPY_BYTES)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)
