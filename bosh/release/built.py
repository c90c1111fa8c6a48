"""A release whose archives are all at hand: its manifest and its tarball.

Source: bosh-cli `release/release.go`, `release/archive_writer.go`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bosh.release import tarball
from bosh.release.parts import Kind
from bosh.release.tarball import Entry
from bosh.wire import release_mf
from bosh.wire.errors import BoshError, ReleaseInvalidArchive
from bosh.wire.release_mf import JobRef, LicenseRef, PackageRef, ReleaseManifest


@dataclass(frozen=True, slots=True)
class BuiltPart:
    """A job, package, compiled package or license with its archive."""

    kind: Kind
    name: str
    fingerprint: str
    sha1: str
    """Digest text of the archive."""
    path: Path
    needs: tuple[str, ...] = ()
    """A job's packages, a package's dependencies."""
    stemcell: str = ""
    """``os/version`` of a compiled package."""


@dataclass(frozen=True, slots=True)
class BuiltRelease:
    """Everything a release tarball is made of."""

    name: str
    version: str
    commit_hash: str
    uncommitted_changes: bool
    jobs: tuple[BuiltPart, ...] = ()
    packages: tuple[BuiltPart, ...] = ()
    """Source or compiled, never both."""
    license: BuiltPart | None = None
    no_compression: bool = False

    @property
    def is_compiled(self) -> bool:
        return any(package.stemcell for package in self.packages)

    def manifest(self) -> ReleaseManifest:
        """``release.MF``."""
        packages = tuple(
            PackageRef(part.name, part.fingerprint, part.fingerprint, part.sha1, part.needs, part.stemcell)
            for part in self.packages
        )
        part = self.license
        return ReleaseManifest(
            name=self.name,
            version=self.version,
            commit_hash=self.commit_hash,
            uncommitted_changes=self.uncommitted_changes,
            jobs=tuple(JobRef(job.name, job.fingerprint, job.fingerprint, job.sha1, job.needs) for job in self.jobs),
            packages=() if self.is_compiled else packages,
            compiled_packages=packages if self.is_compiled else (),
            license=LicenseRef(part.fingerprint, part.fingerprint, part.sha1) if part else None,
            no_compression=self.no_compression,
        )

    def named(self, name: str, version: str) -> BuiltRelease:
        """The same release under another name and version."""
        return replace(self, name=name, version=version)


def write(release: BuiltRelease, target: Path, *, skip: Collection[str] = ()) -> Path:
    """Write the release tarball; equal releases give equal bytes.

    Args:
        target: may hold ``((name))`` and ``((version))``.
        skip: fingerprints of packages that the receiver already has.

    Returns:
        The path written to.
    """
    path = Path(str(target).replace("((name))", release.name).replace("((version))", release.version))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".release-", delete=False) as file:
        partial = Path(file.name)
    try:
        tarball.write(partial, _entries(release, set(skip)), compress=not release.no_compression, prefix="")
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _entries(release: BuiltRelease, skip: set[str]) -> Iterator[Entry]:
    yield Entry("release.MF", release_mf.render(release.manifest()).encode())
    if release.jobs:
        yield Entry("jobs", is_folder=True)
    for job in release.jobs:
        yield Entry(f"jobs/{job.name}.tgz", job.path)
    folder = "compiled_packages" if release.is_compiled else "packages"
    if release.packages:
        yield Entry(folder, is_folder=True)
    for package in release.packages:
        if package.fingerprint not in skip:
            yield Entry(f"{folder}/{package.name}.tgz", package.path)
    if release.license:
        yield Entry("license.tgz", release.license.path)
        texts = tarball.contents(release.license.path)
        for start in ("LICENSE", "NOTICE"):
            yield from (Entry(name, texts[name]) for name in sorted(texts) if name.startswith(start))


def read(path: Path, work_dir: Path) -> BuiltRelease:
    """Read a release tarball for repacking; archives are unpacked into ``work_dir`` but not opened.

    Raises:
        ReleaseInvalidArchive: it cannot be unpacked, has no manifest, or lacks one of its archives.
        ValidationInvalidValue: a name in the manifest is unacceptable.
    """
    try:
        tarball.extract(path, work_dir)
    except tarball.TarFault as fault:
        raise ReleaseInvalidArchive(f"cannot read release '{path}'", details=str(fault)) from fault
    manifest_path = work_dir / "release.MF"
    if not manifest_path.is_file():
        raise ReleaseInvalidArchive(f"cannot read release '{path}'", details="it has no file release.MF")
    manifest = release_mf.parse(manifest_path.read_bytes())
    folder = work_dir / ("compiled_packages" if manifest.is_compiled else "packages")
    license_path = work_dir / "license.tgz"
    ref = manifest.license
    has_license = ref is not None and license_path.is_file()
    return BuiltRelease(
        name=manifest.name,
        version=manifest.version,
        commit_hash=manifest.commit_hash,
        uncommitted_changes=manifest.uncommitted_changes,
        jobs=tuple(_job(ref, work_dir / "jobs") for ref in manifest.jobs),
        packages=tuple(_package(ref, folder) for ref in manifest.compiled_packages or manifest.packages),
        license=BuiltPart("license", "license", ref.fingerprint, ref.sha1, license_path)
        if ref and has_license
        else None,
        no_compression=manifest.no_compression,
    )


def _job(ref: JobRef, folder: Path) -> BuiltPart:
    return BuiltPart("job", ref.name, ref.fingerprint, ref.sha1, _present(folder, ref.name), ref.packages)


def _package(ref: PackageRef, folder: Path) -> BuiltPart:
    path = _present(folder, ref.name)
    return BuiltPart("package", ref.name, ref.fingerprint, ref.sha1, path, ref.dependencies, ref.stemcell)


def _present(folder: Path, name: str) -> Path:
    path = folder / f"{name}.tgz"
    if path.is_symlink() or not path.is_file():
        raise ReleaseInvalidArchive(f"cannot read the release: it has no file '{folder.name}/{name}.tgz'")
    return path


def require_packages(release: BuiltRelease) -> None:
    """Every package that a job names is part of the release. Raises BoshError."""
    known = {package.name for package in release.packages}
    for job in release.jobs:
        for name in job.needs:
            if name not in known:
                raise BoshError(f"Expected to find package '{name}' since it's a dependency of job '{job.name}'")
