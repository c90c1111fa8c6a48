"""App bits: an uploaded archive completed with files we have already, as one archive; its larger files are kept for next time."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from cloud_controller import errors
from cloud_controller.blobstore import contract as blobs
from cloud_controller.blobstore.contract import Blobstore, MissingBlob
from cloud_controller.config import BlobstoreConfig

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Resource:
    """A file that the client leaves out because we have it: its path in the app, permissions, SHA-1 and size."""

    path: str
    mode: int
    sha1: str
    size_bytes: int


def parse_resources(text: str) -> list[Resource]:
    """The ``resources`` of an upload, in the form of version 3 or of version 2.

    Raises:
        ApiError: not readable, or a path that leads out of the app.
    """
    try:
        entries = msgspec.json.decode(text or "[]")
        found = [_resource(entry) for entry in entries]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise errors.bits_invalid("invalid :resources") from error
    for resource in found:
        _check_path(resource.path)
    return found


def _resource(entry: dict[str, Any]) -> Resource:
    checksum = entry["checksum"]["value"] if "checksum" in entry else entry["sha1"]
    size = entry["size_in_bytes"] if "size_in_bytes" in entry else entry.get("size", 0)
    path = entry["path"] if "path" in entry else entry["fn"]
    if len(checksum) != 40 or int(checksum, 16) < 0:
        raise ValueError("not a SHA-1")
    return Resource(str(path), int(str(entry.get("mode") or "744"), 8) & 0o777, str(checksum), int(size))


def _check_path(path: str) -> None:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts:
        raise errors.bits_invalid(f"Invalid archive path: {path}")


def poolable(config: BlobstoreConfig, size_bytes: int) -> bool:
    """Whether a file of this size is worth keeping."""
    return config.resource_minimum_bytes <= size_bytes <= config.resource_maximum_bytes


def matches(store: Blobstore, config: BlobstoreConfig, resources: Iterable[Resource]) -> list[Resource]:
    """Those files we have."""
    return [r for r in resources if poolable(config, r.size_bytes) and store.exists(blobs.RESOURCES, r.sha1)]


def assemble(
    store: Blobstore, config: BlobstoreConfig, uploaded: Path | None, resources: list[Resource], target: Path
) -> str:
    """Write the whole app's archive; returns its SHA-256.

    Raises:
        ApiError: the upload is no archive, leads out of the app, or a file is not here.
    """
    if uploaded is None and not resources:
        raise errors.bits_invalid("the archive is empty")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as whole:
        names = _copy_upload(store, config, uploaded, whole) if uploaded else set()
        for resource in resources:
            if resource.path not in names:
                _add_known(store, resource, whole)
    return sha256(target)


def _copy_upload(store: Blobstore, config: BlobstoreConfig, uploaded: Path, whole: zipfile.ZipFile) -> set[str]:
    names = set()
    try:
        with zipfile.ZipFile(uploaded) as source:
            for entry in source.infolist():
                _check_path(entry.filename)
                names.add(entry.filename)
                _copy_entry(store, config, source, entry, whole)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise errors.bits_invalid("the archive cannot be read") from error
    return names


def _copy_entry(
    store: Blobstore, config: BlobstoreConfig, source: zipfile.ZipFile, entry: zipfile.ZipInfo, whole: zipfile.ZipFile
) -> None:
    copy = zipfile.ZipInfo(entry.filename, _date(entry))
    copy.external_attr, copy.create_system, copy.compress_type = (
        entry.external_attr,
        entry.create_system,
        zipfile.ZIP_DEFLATED,
    )
    if entry.is_dir():
        whole.writestr(copy, b"")
        return
    if not poolable(config, entry.file_size) or stat.S_ISLNK(entry.external_attr >> 16):
        with source.open(entry) as stream, whole.open(copy, "w", force_zip64=entry.file_size >= 1 << 31) as sink:
            shutil.copyfileobj(stream, sink, CHUNK_BYTES)
        return
    with tempfile.NamedTemporaryFile(prefix="resource-") as part:
        with source.open(entry) as stream:
            shutil.copyfileobj(stream, part, CHUNK_BYTES)
        part.flush()
        _keep(store, Path(part.name))
        part.seek(0)
        with whole.open(copy, "w", force_zip64=entry.file_size >= 1 << 31) as sink:
            shutil.copyfileobj(part, sink, CHUNK_BYTES)


def _date(entry: zipfile.ZipInfo) -> tuple[int, int, int, int, int, int]:
    return entry.date_time if entry.date_time >= (1980, 1, 1, 0, 0, 0) else (1980, 1, 1, 0, 0, 0)


def _keep(store: Blobstore, path: Path) -> None:
    key = _digest(path, "sha1")
    if not store.exists(blobs.RESOURCES, key):
        store.put(blobs.RESOURCES, key, path)


def _add_known(store: Blobstore, resource: Resource, whole: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo(resource.path)
    entry.external_attr = (stat.S_IFREG | (resource.mode or 0o744)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with tempfile.TemporaryDirectory(prefix="resource-") as folder:
        path = store.local(blobs.RESOURCES, resource.sha1) or Path(folder) / "file"
        try:
            if not path.exists():
                store.fetch(blobs.RESOURCES, resource.sha1, path)
        except MissingBlob as error:
            raise errors.bits_invalid(f"the file {resource.path} is not known") from error
        with path.open("rb") as stream, whole.open(entry, "w", force_zip64=True) as sink:
            shutil.copyfileobj(stream, sink, CHUNK_BYTES)


def sha256(path: Path) -> str:
    """A file's SHA-256."""
    return _digest(path, "sha256")


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
