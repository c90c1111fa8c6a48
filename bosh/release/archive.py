"""Reading an uploaded release: unpack it safely and check everything before a byte of it is stored.

Source: `bosh: …/director/jobs/update_release.rb` and `…/update_release/package_persister.rb`; the digests in ``release.MF`` are checked
here as well, which the original leaves to the agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.release import job_spec, tarball, version
from bosh.release.job_spec import job_templates
from bosh.release.packages import check_dependencies
from bosh.wire import digest, release_mf
from bosh.wire.errors import (
    JobInvalidArchive,
    JobMissingPackage,
    PackageInvalidArchive,
    ReleaseInvalidArchive,
    ReleaseManifestNotFound,
    ReleaseSha1DoesNotMatch,
    ReleaseVersionInvalid,
    ValidationInvalidValue,
)
from bosh.wire.release_mf import JobRef, PackageRef, ReleaseManifest

__all__ = ["JobArchive", "PackageArchive", "ReleaseArchive", "job_templates", "read"]

_DEV_SUFFIX = re.compile(r"(?P<release>.*)\.(?P<number>[0-9]+)-dev\Z")


@dataclass(frozen=True, slots=True)
class JobArchive:
    """One job of an uploaded release."""

    name: str
    version: str
    fingerprint: str
    sha1: str
    """Digest text of the archive."""
    path: Path
    """The job's ``.tgz``."""
    spec: Mapping[str, Any]
    """``job.MF``."""
    properties_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PackageArchive:
    """One package of an uploaded release, source or compiled."""

    name: str
    version: str
    fingerprint: str
    sha1: str
    dependencies: tuple[str, ...]
    path: Path | None
    """None when the uploader left it out because the director already has it."""
    stemcell_os: str = ""
    """Of a compiled package; empty for source."""
    stemcell_version: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseArchive:
    """An uploaded release, checked. Files live in the work directory given to ``read``."""

    name: str
    version: str
    """Normalised: ``10.3-dev`` is ``10+dev.3``."""
    commit_hash: str
    uncommitted_changes: bool
    jobs: tuple[JobArchive, ...]
    packages: tuple[PackageArchive, ...]
    """Source packages, or the compiled ones of a compiled release."""
    is_compiled: bool
    manifest: ReleaseManifest


def read(path: Path, work_dir: Path) -> ReleaseArchive:
    """Unpack and check a release archive.

    Args:
        path: the uploaded file, gzipped or plain.
        work_dir: an existing empty directory that the caller removes afterwards.

    Raises:
        ReleaseInvalidArchive (30002), ReleaseManifestNotFound (30003), ReleaseVersionInvalid (30010), ReleaseInvalidPackage (30012:
        unknown or circular dependency), ReleaseSha1DoesNotMatch (30015), PackageInvalidArchive (60000), JobInvalidArchive (80000) and
        the other faults of a job (80001–80016), ValidationInvalidValue (40005).
    """
    _unpack(path, work_dir)
    manifest = _manifest(work_dir)
    packages = manifest.compiled_packages or manifest.packages
    check_dependencies({package.name: package.dependencies for package in packages})
    folder = work_dir / ("compiled_packages" if manifest.is_compiled else "packages")
    package_archives = tuple(_package(ref, folder) for ref in packages)
    known = {package.name for package in packages}
    return ReleaseArchive(
        name=manifest.name,
        version=_normalised(manifest.version),
        commit_hash=manifest.commit_hash,
        uncommitted_changes=manifest.uncommitted_changes,
        jobs=tuple(_job(ref, work_dir / "jobs", known) for ref in manifest.jobs),
        packages=package_archives,
        is_compiled=manifest.is_compiled,
        manifest=manifest,
    )


def _unpack(path: Path, work_dir: Path) -> None:
    try:
        tarball.extract(path, work_dir)
    except tarball.TarFault as fault:
        raise ReleaseInvalidArchive(
            "Extracting release archive failed. Check task debug log for details.",
            details=str(fault),
            resolution="check that the file is a whole release archive, then upload it again",
        ) from fault


def _manifest(work_dir: Path) -> ReleaseManifest:
    path = work_dir / "release.MF"
    if path.is_symlink() or not path.is_file():
        raise ReleaseManifestNotFound("Release manifest not found", details="the archive has no file release.MF")
    return release_mf.parse(path.read_bytes())


def _normalised(text: str) -> str:
    old_style = _DEV_SUFFIX.match(text)
    modern = f"{old_style['release']}+dev.{old_style['number']}" if old_style else text
    try:
        return str(version.parse(modern))
    except ValueError as error:
        raise ReleaseVersionInvalid(f"Release version invalid: {text}") from error


def _package(ref: PackageRef, folder: Path) -> PackageArchive:
    path = folder / f"{ref.name}.tgz"
    present = path.is_file() and not path.is_symlink()
    if present:
        _check_digest(path, ref.sha1, f"package '{ref.name}/{ref.version}'")
        _check_package(path, ref)
    os_name, _, os_version = ref.stemcell.partition("/")
    return PackageArchive(
        name=ref.name,
        version=ref.version,
        fingerprint=ref.fingerprint,
        sha1=ref.sha1,
        dependencies=ref.dependencies,
        path=path if present else None,
        stemcell_os=os_name,
        stemcell_version=os_version,
    )


def _check_package(path: Path, ref: PackageRef) -> None:
    try:
        tarball.check(path)
    except tarball.TarFault as fault:
        raise PackageInvalidArchive(
            f"Extracting package '{ref.name}/{ref.version}' archive failed. Check task debug log for details.",
            details=str(fault),
        ) from fault


def _job(ref: JobRef, folder: Path, known_packages: set[str]) -> JobArchive:
    label = f"{ref.name}/{ref.version}"
    path = folder / f"{ref.name}.tgz"
    if path.is_symlink() or not path.is_file():
        raise JobInvalidArchive(
            f"Extracting job '{label}' archive failed. Check task debug log for details.",
            details=f"the release has no file jobs/{ref.name}.tgz",
        )
    _check_digest(path, ref.sha1, f"job '{label}'")
    files = job_spec.read_files(path, label)
    spec = job_spec.checked_manifest(ref.name, files)
    for package in spec.get("packages") or ():
        if package not in known_packages:
            raise JobMissingPackage(f"Expected to find package '{package}' since it's a dependency of job '{ref.name}'")
    return JobArchive(
        name=ref.name,
        version=ref.version,
        fingerprint=ref.fingerprint,
        sha1=ref.sha1,
        path=path,
        spec=spec,
        properties_schema=job_spec.properties_schema(ref.name, files),
    )


def _check_digest(path: Path, text: str, label: str) -> None:
    try:
        matches = digest.file_matches(path, text)
    except ValueError as error:
        raise ValidationInvalidValue(f"cannot read the digest of {label}", details=str(error)) from error
    if not matches:
        actual = digest.of_file(path, digest.strongest(text).algorithm)
        raise ReleaseSha1DoesNotMatch(
            f"cannot accept {label}: its archive does not have the digest that release.MF says",
            details=f"expected '{text}', got '{actual}'",
            resolution="create the release again and upload it once more",
        )
