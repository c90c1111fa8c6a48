"""``release.MF``: what a release archive says about itself.

Source: bosh-cli `release/manifest/release.go`. The same text is kept in ``releases/NAME/NAME-VERSION.yml``. Whatever field is called
``sha1`` holds a digest text (``bosh.wire.digest``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bosh.wire import go_yaml
from bosh.wire.errors import ReleaseInvalidArchive, ValidationInvalidValue

IDENTIFIER = re.compile(r"[-0-9A-Za-z_+.]+\Z")
"""What names and versions may consist of (`bosh: …/director/models.rb`, ``VALID_ID``)."""


@dataclass(frozen=True, slots=True)
class JobRef:
    name: str
    version: str
    """Equal to the fingerprint in everything made by the Go CLI."""
    fingerprint: str
    sha1: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageRef:
    name: str
    version: str
    fingerprint: str
    sha1: str
    dependencies: tuple[str, ...] = ()
    stemcell: str = ""
    """``os/version`` for a compiled package, empty for a source package."""


@dataclass(frozen=True, slots=True)
class LicenseRef:
    version: str
    fingerprint: str
    sha1: str


@dataclass(frozen=True, slots=True)
class ReleaseManifest:
    name: str
    version: str
    commit_hash: str = ""
    uncommitted_changes: bool = False
    jobs: tuple[JobRef, ...] = ()
    packages: tuple[PackageRef, ...] = ()
    compiled_packages: tuple[PackageRef, ...] = ()
    license: LicenseRef | None = None
    no_compression: bool = False

    @property
    def is_compiled(self) -> bool:
        return bool(self.compiled_packages)


def parse(content: str | bytes) -> ReleaseManifest:
    """Read and check a ``release.MF``.

    Raises:
        ReleaseInvalidArchive: not YAML, or not shaped like a release manifest.
        ValidationInvalidValue: a name or version with characters that no release may have.
    """
    try:
        body = go_yaml.load_texts(content)
    except ValueError as error:
        raise ReleaseInvalidArchive("cannot read release.MF", details=str(error)) from error
    if not isinstance(body, dict):
        raise ReleaseInvalidArchive("cannot read release.MF", details="it is not a map")
    manifest = ReleaseManifest(
        name=_text(body, "name"),
        version=_text(body, "version"),
        commit_hash=_text(body, "commit_hash"),
        uncommitted_changes=_flag(body, "uncommitted_changes"),
        jobs=tuple(_job(entry) for entry in _entries(body, "jobs")),
        packages=tuple(_package(entry) for entry in _entries(body, "packages")),
        compiled_packages=tuple(_package(entry) for entry in _entries(body, "compiled_packages")),
        license=_license(body.get("license")),
        no_compression=_flag(body, "no_compression"),
    )
    _check_identifiers(manifest)
    return manifest


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str):
        raise ReleaseInvalidArchive("cannot read release.MF", details=f"'{key}' is not a text")
    return "" if value in {"~", "null"} else value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    return _text(body, key).lower() in {"true", "yes", "on"}


def _entries(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = body.get(key) or []
    if entries == "~" or entries == "null":
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ReleaseInvalidArchive("cannot read release.MF", details=f"'{key}' is not a list of maps")
    return entries


def _names(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = body.get(key) or []
    if isinstance(names, str) and names in {"~", "null"}:
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ReleaseInvalidArchive("cannot read release.MF", details=f"'{key}' is not a list of names")
    return tuple(names)


def _job(body: Mapping[str, Any]) -> JobRef:
    return JobRef(
        name=_text(body, "name"),
        version=_text(body, "version"),
        fingerprint=_text(body, "fingerprint"),
        sha1=_text(body, "sha1"),
        packages=_names(body, "packages"),
    )


def _package(body: Mapping[str, Any]) -> PackageRef:
    return PackageRef(
        name=_text(body, "name"),
        version=_text(body, "version"),
        fingerprint=_text(body, "fingerprint"),
        sha1=_text(body, "sha1"),
        dependencies=_names(body, "dependencies"),
        stemcell=_text(body, "stemcell"),
    )


def _license(body: Any) -> LicenseRef | None:
    if not isinstance(body, dict):
        return None
    return LicenseRef(_text(body, "version"), _text(body, "fingerprint"), _text(body, "sha1"))


def _check_identifiers(manifest: ReleaseManifest) -> None:
    _check(manifest.name, "release name")
    _check(manifest.version, "release version")
    packages = manifest.compiled_packages or manifest.packages
    refs: tuple[tuple[str, tuple[JobRef | PackageRef, ...]], ...] = (("package", packages), ("job", manifest.jobs))
    for kind, entries in refs:
        for number, entry in enumerate(entries, start=1):
            _check(entry.name, f"{kind} {number} name")
            _check(entry.version, f"{kind} {number} version")
        _check_unique(kind, [entry.name for entry in entries])


def _check_unique(kind: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ReleaseInvalidArchive("cannot read release.MF", details=f"{kind} '{twice[0]}' is listed twice")


def _check(value: str, label: str) -> None:
    # "." and ".." pass the original's pattern, yet a file named after them would leave its folder.
    if not IDENTIFIER.match(value) or value in {".", ".."}:
        raise ValidationInvalidValue(f'Invalid {label} in release manifest: "{value}"')


def render(manifest: ReleaseManifest) -> str:
    """The text the Go CLI writes for this manifest, byte for byte."""
    body: dict[str, Any] = {
        "name": manifest.name,
        "version": manifest.version,
        "commit_hash": manifest.commit_hash,
        "uncommitted_changes": manifest.uncommitted_changes,
    }
    if manifest.jobs:
        body["jobs"] = [_job_body(job) for job in manifest.jobs]
    if manifest.packages:
        body["packages"] = [_package_body(package) for package in manifest.packages]
    if manifest.compiled_packages:
        body["compiled_packages"] = [_package_body(package) for package in manifest.compiled_packages]
    if manifest.license:
        body["license"] = _identity(manifest.license)
    body["no_compression"] = manifest.no_compression
    return go_yaml.dump(body)


def _identity(ref: JobRef | PackageRef | LicenseRef) -> dict[str, Any]:
    return {"version": ref.version, "fingerprint": ref.fingerprint, "sha1": ref.sha1}


def _job_body(job: JobRef) -> dict[str, Any]:
    return {"name": job.name, **_identity(job), "packages": list(job.packages)}


def _package_body(package: PackageRef) -> dict[str, Any]:
    stemcell = {"stemcell": package.stemcell} if package.stemcell else {}
    return {"name": package.name, **_identity(package), **stemcell, "dependencies": list(package.dependencies)}
