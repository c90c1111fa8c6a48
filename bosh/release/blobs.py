"""``config/blobs.yml`` and ``blobs/``: large files that a release keeps outside git.

Source: bosh-cli `releasedir/fs_blobs_dir.go`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from bosh.release.blobstore import ReleaseBlobstore, fetch
from bosh.release.index import Report, quiet
from bosh.wire import digest, go_yaml
from bosh.wire.errors import BoshError


@dataclass(frozen=True, slots=True)
class Blob:
    """One tracked file."""

    path: str
    """Relative to ``blobs/``."""
    size: int
    """Bytes."""
    sha1: str
    """Digest text."""
    blobstore_id: str = ""
    """Empty until uploaded."""


class BlobsDir:
    """The blobs of one release directory."""

    def __init__(self, directory: Path, blobstore: ReleaseBlobstore, report: Report = quiet) -> None:
        self._index = directory / "config" / "blobs.yml"
        self._root = directory / "blobs"
        self._blobstore = blobstore
        self._report = report

    def init(self) -> None:
        """An empty index."""
        self._index.parent.mkdir(parents=True, exist_ok=True)
        self._index.write_text("--- {}\n")

    def blobs(self) -> tuple[Blob, ...]:
        """What is tracked, by path. Raises BoshError for an index that is malformed or names files outside ``blobs/``."""
        if not self._index.exists():
            return ()
        try:
            body = go_yaml.load(self._index.read_bytes()) or {}
            return tuple(_blob(str(path), entry) for path, entry in sorted(body.items()))
        except (ValueError, AttributeError, TypeError) as error:
            raise BoshError(f"cannot read '{self._index}'", details=str(error)) from error

    def add(self, source: Path, path: str) -> Blob:
        """Track a file under a path, replacing what was there; it is uploaded later.

        Raises:
            BoshError: the path leaves ``blobs/``; OSError: the file cannot be read.
        """
        target = self._root / _safe(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".track-", delete=False) as file:
            partial = Path(file.name)
        try:
            shutil.copyfile(source, partial)
            blob = Blob(path, partial.stat().st_size, digest.of_file(partial))
            partial.chmod(0o644)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        self._save([*(other for other in self.blobs() if other.path != path), blob])
        return blob

    def remove(self, path: str) -> None:
        """Track a file no more and delete it here; the blobstore keeps its copy for older releases."""
        target = self._root / _safe(path)
        kept = [blob for blob in self.blobs() if blob.path != path]
        target.unlink(missing_ok=True)
        self._save(kept)

    def sync(self) -> None:
        """Make ``blobs/`` what the index says: fetch what is missing or damaged, remove what is not tracked.

        Raises:
            BoshError: a download failed, or there are symlinks (left by the first CLI) in ``blobs/``.
        """
        blobs = self.blobs()
        self._remove_unknown({blob.path for blob in blobs})
        for blob in blobs:
            if blob.blobstore_id and not self._present(blob):
                self._fetch(blob)

    def _remove_unknown(self, known: set[str]) -> None:
        found = [Path(folder) / name for folder, folders, files in os.walk(self._root) for name in (*folders, *files)]
        if any(path.is_symlink() for path in found):
            raise BoshError(
                "Bailing because symlinks found in blobs directory. If switching from CLI v1, please use the "
                "`reset-release` command."
            )
        for path in found:
            if path.is_file() and path.relative_to(self._root).as_posix() not in known:
                path.unlink()

    def _present(self, blob: Blob) -> bool:
        path = self._root / blob.path
        return path.is_file() and digest.file_matches(path, blob.sha1)

    def _fetch(self, blob: Blob) -> None:
        self._report(f"Blob download '{blob.path}' (id: {blob.blobstore_id} sha1: {blob.sha1}) started")
        try:
            fetch(self._blobstore, blob.blobstore_id, blob.sha1, self._root / blob.path)
        except BoshError as error:
            self._report(f"Blob download '{blob.path}' (id: {blob.blobstore_id}) failed")
            raise BoshError(f"Getting blob '{blob.blobstore_id}' for path '{blob.path}'", details=str(error)) from error
        self._report(f"Blob download '{blob.path}' (id: {blob.blobstore_id}) finished")

    def upload(self) -> tuple[Blob, ...]:
        """Upload what has no id yet; the index is saved after each one, so that an interrupted run loses nothing."""
        blobs = list(self.blobs())
        uploaded = []
        for place, blob in enumerate(blobs):
            if blob.blobstore_id:
                continue
            source = self._root / blob.path
            if not source.is_file():
                raise BoshError(f"Creating blob for path '{blob.path}'", details=f"there is no file '{source}'")
            self._report(f"Blob upload '{blob.path}' (sha1: {blob.sha1}) started")
            blobs[place] = replace(blob, blobstore_id=self._blobstore.create(source))
            self._save(blobs)
            self._report(f"Blob upload '{blob.path}' (id: {blobs[place].blobstore_id}) finished")
            uploaded.append(blobs[place])
        return tuple(uploaded)

    def _save(self, blobs: list[Blob]) -> None:
        body = go_yaml.sorted_map({blob.path: _entry(blob) for blob in blobs})
        self._index.parent.mkdir(parents=True, exist_ok=True)
        partial = self._index.with_name(".blobs.yml.partial")
        partial.write_text(go_yaml.dump(body))
        partial.replace(self._index)


def _safe(path: str) -> str:
    if not path or path.startswith("/") or ".." in PurePosixPath(path).parts or str(PurePosixPath(path)) == ".":
        raise BoshError(f"Invalid blob path '{path}': must be a safe local path")
    return path


def _blob(path: str, entry: dict[str, Any]) -> Blob:
    return Blob(_safe(path), int(entry["size"]), str(entry.get("sha", "")), str(entry.get("object_id") or ""))


def _entry(blob: Blob) -> dict[str, Any]:
    identity = {"object_id": blob.blobstore_id} if blob.blobstore_id else {}
    return {"size": blob.size, **identity, "sha": blob.sha1}
