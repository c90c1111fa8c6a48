"""Indexes of a release directory: which archive belongs to a fingerprint, and which versions were released.

Source: bosh-cli `releasedir/index/fs_index.go`, `fs_index_blobs.go`, `releasedir/fs_release_index.go`. Dev archives live in a cache shared by
all releases of a user, named by their digest text; final ones are in the release's blobstore as well.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.release import version
from bosh.release.blobstore import ReleaseBlobstore, fetch
from bosh.system.ids import Ids
from bosh.wire import digest, go_yaml, release_mf
from bosh.wire.errors import BoshError, ReleaseAlreadyExists
from bosh.wire.release_mf import ReleaseManifest

Report = Callable[[str], None]
"""Where progress goes, a line at a time."""


def quiet(_line: str) -> None:
    """A Report that says nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """An archive at hand."""

    path: Path
    sha1: str
    """Digest text."""


class Cache:
    """``~/.bosh/cache``: archives by digest text."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha1: str) -> Path:
        """Raises BoshError for a digest text that is no file name."""
        if not sha1 or "/" in sha1 or sha1 in {".", ".."}:
            raise BoshError(f"Invalid blob SHA1 '{sha1}': must be a safe local path")
        self._root.mkdir(parents=True, exist_ok=True)
        return self._root / sha1

    def find(self, sha1: str) -> Path | None:
        """A verified archive, or None; a damaged one is dropped."""
        path = self.path(sha1)
        if not path.exists():
            return None
        if digest.file_matches(path, sha1):
            return path
        path.unlink()
        return None

    def add(self, source: Path, sha1: str) -> Path:
        path = self.path(sha1)
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=".add-", delete=False) as file:
                partial = Path(file.name)
            shutil.copyfile(source, partial)
            partial.replace(path)
        return path


class BuildIndex:
    """``.dev_builds`` or ``.final_builds`` of one kind: fingerprint → archive, one ``index.yml`` per name.

    Args:
        folder: for example ``.final_builds/packages``; licenses have their index in the folder itself.
        blobstore: of the release, for final builds; None for dev builds.
    """

    def __init__(
        self, kind: str, folder: Path, cache: Cache, blobstore: ReleaseBlobstore | None, report: Report = quiet
    ) -> None:
        self._kind = kind
        self._folder = folder
        self._cache = cache
        self._blobstore = blobstore
        self._report = report
        self._writing = threading.Lock()

    def find(self, name: str, fingerprint: str) -> Found | None:
        """The archive of that fingerprint; None when the index has no such entry.

        Raises:
            BoshError: there is an entry, but its archive cannot be had.
        """
        entry = self._entries(name).get(fingerprint)
        if entry is None:
            return None
        sha1, blob_id = str(entry.get("sha1", "")), str(entry.get("blobstore_id") or "")
        cached = self._cache.find(sha1)
        if cached is not None:
            return Found(cached, sha1)
        if self._blobstore is None or not blob_id:
            raise BoshError(f"Cannot find blob named '{name}/{fingerprint}' with SHA1 '{sha1}'")
        return Found(self._download(f"{name}/{fingerprint}", blob_id, sha1), sha1)

    def _download(self, label: str, blob_id: str, sha1: str) -> Path:
        assert self._blobstore is not None
        target = self._cache.path(sha1)
        self._report(f"-- Started downloading '{label}' (sha1={sha1})")
        try:
            fetch(self._blobstore, blob_id, sha1, target)
        except BoshError:
            self._report(f"-- Failed downloading '{label}' (sha1={sha1})")
            raise
        self._report(f"-- Finished downloading '{label}' (sha1={sha1})")
        return target

    def add(self, name: str, fingerprint: str, archive: Path, sha1: str) -> Found:
        """Keep an archive, upload it when this is a final index, and enter it; an entry of that fingerprint is replaced.

        Raises:
            BoshError: it cannot be uploaded.
        """
        label = f"{name}/{fingerprint}"
        self._report(f"Adding {self._kind} '{label}'...")
        entry = {"version": fingerprint}
        kept = self._cache.add(archive, sha1)
        if self._blobstore is not None:
            self._report(f"-- Started uploading '{label}' (sha1={sha1})")
            entry["blobstore_id"] = self._blobstore.create(archive)
            self._report(f"-- Finished uploading '{label}' (sha1={sha1})")
        with self._writing:
            kept_builds = {key: _ordered(old) for key, old in _read(self._path(name)).items()}
            builds = {**kept_builds, fingerprint: {**entry, "sha1": sha1}}
            _write(self._path(name), {"builds": dict(sorted(builds.items())), "format-version": "2"})
        self._report(f"Added {self._kind} '{label}'")
        return Found(kept, sha1)

    def _path(self, name: str) -> Path:
        return self._folder / "index.yml" if self._kind == "license" else self._folder / name / "index.yml"

    def _entries(self, name: str) -> dict[str, dict[str, Any]]:
        builds = _read(self._path(name))
        # Old indexes have keys that are not the fingerprint; what counts is the version inside.
        return {str(entry.get("version", key)): _ordered(entry) for key, entry in builds.items()}


def _ordered(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("version", "blobstore_id", "sha1") if entry.get(key)}


@dataclass(frozen=True, slots=True)
class Indexes:
    """The three build indexes of one life: dev or final."""

    job: BuildIndex
    package: BuildIndex
    license: BuildIndex

    def of(self, kind: str) -> BuildIndex:
        return {"job": self.job, "package": self.package, "license": self.license}[kind]


def dev_indexes(directory: Path, cache: Cache, report: Report = quiet) -> Indexes:
    root = directory / ".dev_builds"
    return _indexes(root, cache, None, report)


def final_indexes(directory: Path, cache: Cache, blobstore: ReleaseBlobstore, report: Report = quiet) -> Indexes:
    return _indexes(directory / ".final_builds", cache, blobstore, report)


def _indexes(root: Path, cache: Cache, blobstore: ReleaseBlobstore | None, report: Report) -> Indexes:
    return Indexes(
        BuildIndex("job", root / "jobs", cache, blobstore, report),
        BuildIndex("package", root / "packages", cache, blobstore, report),
        BuildIndex("license", root / "license", cache, blobstore, report),
    )


class ReleaseIndex:
    """``dev_releases`` or ``releases``: which versions there are, and the manifest of each."""

    def __init__(self, kind: str, root: Path, ids: Ids, report: Report = quiet) -> None:
        self._kind = kind
        self._root = root
        self._ids = ids
        self._report = report

    def versions(self, name: str) -> tuple[str, ...]:
        return tuple(str(entry.get("version")) for entry in _read(self._root / name / "index.yml").values())

    def last(self, name: str) -> version.Version | None:
        """The newest version. Raises BoshError when the index holds something that is no version."""
        try:
            parsed = [version.parse(text) for text in self.versions(name)]
        except ValueError as error:
            raise BoshError(f"cannot read the versions in '{self._root / name}'", details=str(error)) from error
        return max(parsed, default=None)

    def manifest_path(self, name: str, release_version: str) -> Path:
        return self._root / name / f"{name}-{release_version}.yml"

    def add(self, manifest: ReleaseManifest) -> None:
        """Enter a version and write its manifest.

        Raises:
            ReleaseAlreadyExists: there is one of that version.
        """
        if manifest.version in self.versions(manifest.name):
            raise ReleaseAlreadyExists(f"Release version '{manifest.version}' already exists")
        path = self._root / manifest.name / "index.yml"
        builds = {**_read(path), self._ids.uuid(): {"version": manifest.version}}
        path.parent.mkdir(parents=True, exist_ok=True)
        self.manifest_path(manifest.name, manifest.version).write_text(release_mf.render(manifest))
        _write(path, {"builds": dict(sorted(builds.items())), "format-version": "2"})
        self._report(f"Added {self._kind} release '{manifest.name}/{manifest.version}'")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        body = go_yaml.load_texts(path.read_bytes())
    except ValueError as error:
        raise BoshError(f"cannot read index '{path}'", details=str(error)) from error
    builds = body.get("builds") if isinstance(body, dict) else None
    if not builds or isinstance(builds, str):
        return {}
    if not isinstance(builds, dict) or not all(isinstance(entry, dict) for entry in builds.values()):
        raise BoshError(f"cannot read index '{path}'", details="'builds' is not a map of maps")
    return builds


def _write(path: Path, body: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(go_yaml.dump(body))
    partial.replace(path)
