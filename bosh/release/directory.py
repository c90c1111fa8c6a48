"""A release directory with everything that belongs to it, and the step from its sources to built archives.

Source: bosh-cli `releasedir/fs_release_dir.go`, `release/resource/resource.go`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from bosh.release import blobstore, build, config, index, parts, version
from bosh.release.blobs import BlobsDir
from bosh.release.built import BuiltPart, BuiltRelease
from bosh.release.config import ReleaseConfig
from bosh.release.index import Cache, Found, Report, quiet
from bosh.release.parts import Part
from bosh.system.ids import Ids, SystemIds
from bosh.wire import digest, release_mf
from bosh.wire.errors import BoshError
from bosh.wire.release_mf import ReleaseManifest

DEFAULT_CACHE = Path("~/.bosh/cache")
_FIRST_DEV = version.parse("0+dev.0")
_FIRST_FINAL = version.parse("1")
_PARALLEL = 5


class ReleaseDir:
    """One release directory.

    Args:
        path: its top level.
        ids: names for blobs and index entries.
        cache: the folder for archives, shared with the Go CLI by default.
        report: told what goes on, a line at a time.
    """

    def __init__(
        self,
        path: Path,
        *,
        ids: Ids | None = None,
        cache: Path = DEFAULT_CACHE,
        report: Report = quiet,
    ) -> None:
        self.path = path
        self.report = report
        self._ids = ids or SystemIds()
        self._cache = Cache(cache.expanduser())

    @cached_property
    def config(self) -> ReleaseConfig:
        return config.read(self.path)

    @cached_property
    def _blobstore(self) -> blobstore.ReleaseBlobstore:
        return blobstore.of(self.config, self.path, self._ids)

    @cached_property
    def blobs(self) -> BlobsDir:
        return BlobsDir(self.path, self._blobstore, self.report)

    @cached_property
    def dev_builds(self) -> index.Indexes:
        return index.dev_indexes(self.path, self._cache, self.report)

    @cached_property
    def final_builds(self) -> index.Indexes:
        return index.final_indexes(self.path, self._cache, self._blobstore, self.report)

    @cached_property
    def dev_releases(self) -> index.ReleaseIndex:
        return index.ReleaseIndex("dev", self.path / "dev_releases", self._ids, self.report)

    @cached_property
    def final_releases(self) -> index.ReleaseIndex:
        return index.ReleaseIndex("final", self.path / "releases", self._ids, self.report)

    # --- versions ---

    def next_dev_version(self, name: str, timestamp_s: int | None = None) -> str:
        """``0+dev.1``, then one more than the newest dev or final version; or with the Unix time as its number."""
        known = [found for found in (self.final_releases.last(name), self.dev_releases.last(name)) if found]
        following = max(known, default=_FIRST_DEV).next_post_release()
        return str(following if timestamp_s is None else following.with_post_release(("dev", timestamp_s)))

    def next_final_version(self, name: str) -> str:
        """``1``, then the newest final version with its last number one higher."""
        last = self.final_releases.last(name)
        try:
            return str(last.next_release() if last else _FIRST_FINAL)
        except ValueError as error:
            raise BoshError("Incrementing last final version", details=str(error)) from error

    # --- building ---

    def build_parts(self, wanted: Iterable[Part]) -> tuple[BuiltPart, ...]:
        """An archive for every part, from an index or built now, several at a time. Raises what the first one raises."""
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="release") as pool:
            return tuple(pool.map(self._built, wanted))

    def _built(self, part: Part) -> BuiltPart:
        found = self._find(part)
        if found is None and not part.files:
            raise BoshError(f"Expected to find '{part.name}/{part.fingerprint}'")
        archive = found or self._build(part)
        return BuiltPart(part.kind, part.name, part.fingerprint, archive.sha1, archive.path, part.needs)

    def _find(self, part: Part) -> Found | None:
        """Dev builds first, then final ones. What an index promises but cannot give is built again when there are sources."""
        broken: BoshError | None = None
        for builds in (self.dev_builds.of(part.kind), self.final_builds.of(part.kind)):
            try:
                found = builds.find(part.name, part.fingerprint)
            except BoshError as error:
                broken = error
                continue
            if found is not None:
                return found
        if broken is None:
            return None
        if not part.files:
            raise broken
        self.report(f"Building {part.kind} '{part.name}/{part.fingerprint}' from its sources: {broken.brief}")
        return None

    def _build(self, part: Part) -> Found:
        with tempfile.TemporaryDirectory(prefix="bosh-build") as folder:
            target = Path(folder) / f"{part.name}.tgz"
            build.build(part, target, self.path)
            return self.dev_builds.of(part.kind).add(part.name, part.fingerprint, target, digest.of_file(target))

    def read_parts(self) -> parts.Source:
        return parts.read(self.path)

    # --- built before ---

    def load(self, manifest_path: Path) -> BuiltRelease:
        """A release built before, by its manifest in ``releases`` or ``dev_releases``. Raises BoshError."""
        try:
            manifest = release_mf.parse(manifest_path.read_bytes())
        except OSError as error:
            raise BoshError(f"cannot read release manifest '{manifest_path}'", details=str(error)) from error
        if manifest.is_compiled:
            raise BoshError(f"cannot build '{manifest_path}'", details="it describes a compiled release")
        jobs = (Part("job", job.name, job.fingerprint, needs=job.packages) for job in manifest.jobs)
        packages = (Part("package", ref.name, ref.fingerprint, needs=ref.dependencies) for ref in manifest.packages)
        license_ref = manifest.license
        licenses = [Part("license", "license", license_ref.fingerprint)] if license_ref else []
        return assemble(
            manifest, self.build_parts(jobs), self.build_parts(packages), next(iter(self.build_parts(licenses)), None)
        )

    def find(self, name: str = "", release_version: str = "") -> BuiltRelease:
        """A final release of this directory by its version, or the newest one, dev or final. Raises BoshError when there is none."""
        name = name or self.config.release_name
        if release_version:
            return self.load(self.final_releases.manifest_path(name, release_version))
        return self.find_last(name)

    def find_last(self, name: str = "") -> BuiltRelease:
        """The newest release of this directory, dev or final. Raises BoshError when there is none."""
        name = name or self.config.release_name
        dev, final = self.dev_releases.last(name), self.final_releases.last(name)
        newest = max((found for found in (dev, final) if found), default=None)
        if newest is None:
            raise BoshError("Expected to find at least one dev or final version")
        releases = self.final_releases if final is not None and (dev is None or final > dev) else self.dev_releases
        return self.load(releases.manifest_path(name, str(newest)))


def assemble(
    manifest: ReleaseManifest,
    jobs: tuple[BuiltPart, ...],
    packages: tuple[BuiltPart, ...],
    license_part: BuiltPart | None,
) -> BuiltRelease:
    """A built release with a manifest's name, version and origin."""
    return BuiltRelease(
        name=manifest.name,
        version=manifest.version,
        commit_hash=manifest.commit_hash,
        uncommitted_changes=manifest.uncommitted_changes,
        jobs=jobs,
        packages=packages,
        license=license_part,
        no_compression=manifest.no_compression,
    )
