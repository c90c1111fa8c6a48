"""Stemcell archives: read and check, take the image out, repack, and write new ones.

A gzipped (or plain) tar of a few regular files at its top: ``stemcell.MF``, ``image``, lists and bills of materials
(bosh: jobs/update_stemcell.rb, bosh-cli: stemcell/extractor.go). Archives are streamed: an image is gigabytes on some clouds.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Final

import yaml
from isal import igzip, isal_zlib

from bosh.wire import digest, stemcell_mf
from bosh.wire.errors import StemcellImageNotFound, StemcellInvalidArchive
from bosh.wire.stemcell_mf import FILE_NAME, IMAGE_NAME, StemcellManifest

_CHUNK_BYTES: Final = 1 << 20
_MANIFEST_LIMIT_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_STORED: Final = 0
"""gzip's level of the archive itself: the image inside is compressed already."""
_IGzipFile: Any = igzip.IGzipFile
_IsalError: Any = isal_zlib.error
_UNREADABLE: Final = (tarfile.TarError, EOFError, OSError, zlib.error, _IsalError)


@dataclass(frozen=True, slots=True)
class StemcellArchive:
    """An archive that has been read to its end.

    ``files`` are the names at its top, in the archive's order; ``image_bytes`` is 0 for a light stemcell.
    """

    path: Path
    manifest: StemcellManifest
    files: tuple[str, ...]
    image_bytes: int

    @property
    def light(self) -> bool:
        """Whether the image lives in the cloud and the archive only names it."""
        return self.image_bytes == 0


@dataclass(frozen=True, slots=True)
class Change:
    """What repacking changes; None and empty leave things as they are (bosh-cli: cmd/repack_stemcell.go)."""

    name: str | None = None
    version: str | None = None
    cloud_properties: Mapping[str, Any] | None = None
    """Merged over the archive's, key by key."""
    formats: tuple[str, ...] = ()
    empty_image: bool = False


def read(path: Path, *, check_image: bool = True) -> StemcellArchive:
    """Read an archive to its end and check it.

    Args:
        check_image: also compare the image with the manifest's digest. An empty image (a light stemcell) and a ``sha1`` that is no
            digest text are not compared.

    Raises:
        StemcellInvalidArchive: not a readable archive, truncated, unsafe names, no manifest, or an image of another digest.
        StemcellImageNotFound: no file ``image``.
        ValidationMissingField, ValidationInvalidType: the manifest lacks something.
    """
    return _read(path, check_image=check_image, sink=None)


def read_manifest(path: Path) -> StemcellManifest:
    """What an archive says of itself, without reading further than that: instant where the manifest comes first, as in ours.

    Raises:
        StemcellInvalidArchive: unreadable up to there, or no manifest.
        ValidationMissingField, ValidationInvalidType: the manifest lacks something.
    """
    with _members(path, whole=False) as members:
        for name, content in members:
            if name == FILE_NAME:
                return _parse(path, content.read(_MANIFEST_LIMIT_BYTES))
    raise _invalid(path, f"it holds no {FILE_NAME}")


def extract_image(path: Path, target: Path, *, check_image: bool = True) -> StemcellManifest:
    """Check an archive while writing its image to a file; the file is not there afterwards when anything was wrong.

    Raises: as ``read``.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as stream:
            archive = _read(path, check_image=check_image, sink=stream)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return archive.manifest


def repack(path: Path, target: Path, change: Change) -> StemcellManifest:
    """Write a changed copy of an archive. Files other than the manifest and an emptied image are taken over as they are.

    Raises: as ``read``.
    """
    archive = read(path)
    manifest = changed(archive.manifest, change)
    with tempfile.TemporaryDirectory(prefix=".repack-", dir=target.parent) as name:
        folder = Path(name)
        with _members(path) as members:
            for file, content in members:
                with (folder / file).open("wb") as stream:
                    shutil.copyfileobj(content, stream, _CHUNK_BYTES)
        if change.empty_image:
            (folder / IMAGE_NAME).write_bytes(b"")
        others = [file for file in archive.files if file != FILE_NAME]
        write(target, manifest, [folder / file for file in others], mtime_s=0)
    return manifest


def changed(manifest: StemcellManifest, change: Change) -> StemcellManifest:
    """The manifest after a change."""
    return replace(
        manifest,
        name=change.name or manifest.name,
        version=change.version or manifest.version,
        cloud_properties={**manifest.cloud_properties, **(change.cloud_properties or {})},
        stemcell_formats=change.formats or manifest.stemcell_formats,
    )


def write(target: Path, manifest: StemcellManifest, files: Sequence[Path], *, mtime_s: int) -> None:
    """Write an archive: the manifest first, so that readers of the first kilobyte know what it is, then the files in their order.

    The same content gives the same bytes. The target appears at once or not at all.
    """
    text = yaml.safe_dump(stemcell_mf.to_document(manifest), sort_keys=False, explicit_start=True).encode()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with (
            part.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", compresslevel=_STORED, fileobj=raw, mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=_CHUNK_BYTES) as tar,
        ):
            _add(tar, FILE_NAME, len(text), mtime_s, io.BytesIO(text))
            for path in files:
                with path.open("rb") as content:
                    _add(tar, path.name, path.stat().st_size, mtime_s, content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def compressed(raw: BinaryIO, *, level: int) -> Iterator[BinaryIO]:
    """A gzip writer over an open file whose bytes depend on the content alone. Levels are isal's: 0 to 3."""
    with _IGzipFile(filename="", mode="wb", compresslevel=level, fileobj=raw, mtime=0) as stream:
        yield stream


@dataclass(frozen=True, slots=True)
class _Image:
    size_bytes: int
    digests: Mapping[str, str]


@contextmanager
def _members(path: Path, *, whole: bool = True) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The regular files at the top of an archive, in order, each with its content; faults come as StemcellInvalidArchive."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            raw.seek(0)
            stream: Any = _IGzipFile(fileobj=raw, mode="rb") if zipped else raw
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield _checked(path, tar)
                # What follows the last member proves that the archive is whole: gzip's own checksum is at the very end.
                while whole and stream.read(_CHUNK_BYTES):
                    pass
    except FileNotFoundError:
        raise
    except _UNREADABLE as error:
        raise _invalid(path, f"it cannot be read to its end: {error}") from error


def _read(path: Path, *, check_image: bool, sink: IO[bytes] | None) -> StemcellArchive:
    """Read to the end; the image is written to the sink on the way."""
    manifest: StemcellManifest | None = None
    image: _Image | None = None
    files: list[str] = []
    with _members(path) as members:
        for name, content in members:
            files.append(name)
            if name == FILE_NAME:
                manifest = _parse(path, content.read(_MANIFEST_LIMIT_BYTES))
            elif name == IMAGE_NAME:
                image = _measure(content, _algorithms(manifest) if check_image else (), sink)
    if manifest is None:
        raise _invalid(path, f"it holds no {FILE_NAME}")
    if image is None:
        raise StemcellImageNotFound("Stemcell image not found", details=f"{path} holds no file named {IMAGE_NAME}")
    if check_image:
        _compare(path, manifest, image)
    return StemcellArchive(path, manifest, tuple(files), image.size_bytes)


def _checked(path: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    seen: set[str] = set()
    for member in tar:
        name = PurePosixPath(member.name)
        if member.isdir() and str(name) == ".":
            continue
        if len(name.parts) != 1 or name.parts[0] in {"..", "/"} or not member.isreg():
            raise _invalid(path, f"it holds {member.name!r}; only plain files at its top are allowed")
        if str(name) in seen:
            raise _invalid(path, f"it holds {member.name!r} twice")
        seen.add(str(name))
        content = tar.extractfile(member)
        assert content is not None
        yield str(name), content


def _parse(path: Path, text: bytes) -> StemcellManifest:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _invalid(path, f"its {FILE_NAME} is not YAML: {error}") from error
    return stemcell_mf.from_document(document)


def _algorithms(manifest: StemcellManifest | None) -> tuple[str, ...]:
    """What to compute while the image passes: all that may be asked for when the manifest comes after it."""
    if manifest is None:
        return ("sha1", "sha256", "sha512")
    wanted = _wanted(manifest)
    return (wanted.algorithm,) if wanted else ()


def _wanted(manifest: StemcellManifest) -> digest.Digest | None:
    try:
        return digest.strongest(manifest.sha1)
    except ValueError:
        return None


def _measure(content: IO[bytes], algorithms: Sequence[str], sink: IO[bytes] | None) -> _Image:
    states = {name: hashlib.new(name) for name in algorithms}
    size_bytes = 0
    while piece := content.read(_CHUNK_BYTES):
        size_bytes += len(piece)
        for state in states.values():
            state.update(piece)
        if sink:
            sink.write(piece)
    return _Image(size_bytes, {name: state.hexdigest() for name, state in states.items()})


def _compare(path: Path, manifest: StemcellManifest, image: _Image) -> None:
    wanted = _wanted(manifest)
    if wanted is None or image.size_bytes == 0 or image.digests[wanted.algorithm] == wanted.hex:
        return
    found = digest.Digest(wanted.algorithm, image.digests[wanted.algorithm])
    raise _invalid(path, f"its image has the digest {found}, but {FILE_NAME} names {wanted}")


def _invalid(path: Path, why: str) -> StemcellInvalidArchive:
    return StemcellInvalidArchive(
        f"cannot use {path} as a stemcell",
        details=why,
        resolution="Fetch or build the stemcell again; `bosh inspect-local-stemcell` checks an archive.",
    )


def _add(tar: tarfile.TarFile, name: str, size_bytes: int, mtime_s: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size_bytes, mtime_s, 0o644
    tar.addfile(member, content)


class HashingWriter:
    """A binary file that also keeps the digest of what was written."""

    def __init__(self, raw: BinaryIO, algorithm: str) -> None:
        self._raw = raw
        self._state = hashlib.new(algorithm)
        self._algorithm = algorithm

    def write(self, piece: Any) -> int:
        self._state.update(piece)
        return self._raw.write(piece)

    def flush(self) -> None:
        self._raw.flush()

    @property
    def digest_text(self) -> str:
        return str(digest.Digest(self._algorithm, self._state.hexdigest()))
