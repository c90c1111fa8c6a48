"""Making releases: dev and final, from a directory, from a manifest, from somebody else's tarball.

Source: bosh-cli `cmd/create_release.go`, `cmd/finalize_release.go`, `cmd/vendor_package.go`, `releasedir/fs_release_dir.go`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bosh.release import built, git, parts
from bosh.release import version as versions
from bosh.release.built import BuiltPart, BuiltRelease
from bosh.release.directory import ReleaseDir
from bosh.release.index import Indexes
from bosh.release.packages import closure
from bosh.system.clock import Clock, SystemClock
from bosh.wire import go_yaml, release_mf
from bosh.wire.errors import BoshError, ReleaseAlreadyExists
from bosh.wire.release_mf import ReleaseManifest


@dataclass(frozen=True, slots=True)
class CreatedRelease:
    """What was made."""

    manifest: ReleaseManifest
    release: BuiltRelease
    tarball: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version


def create_release(
    directory: ReleaseDir | Path,
    *,
    name: str = "",
    version: str = "",
    timestamp_version: bool = False,
    final: bool = False,
    force: bool = False,
    tarball: Path | None = None,
    manifest: Path | None = None,
    clock: Clock | None = None,
) -> CreatedRelease:
    """Make a release.

    Args:
        directory: the release directory.
        name: instead of the one in ``config/final.yml``.
        version: instead of the next one.
        timestamp_version: number the dev version with the Unix time.
        final: also enter it as a final release.
        force: although git has uncommitted changes.
        tarball: also write the tarball here; ``((name))`` and ``((version))`` are filled in.
        manifest: do not build anything new; take the release that this manifest in ``releases`` describes.

    Raises:
        BoshError: with everything that is wrong in the directory.
        ReleaseAlreadyExists: there is one of that version.
    """
    place = directory if isinstance(directory, ReleaseDir) else ReleaseDir(directory)
    warnings: tuple[str, ...] = ()
    if manifest is not None:
        release = place.load(manifest)
    else:
        chosen_name = _checked_name(name or place.config.release_name)
        now_s = int((clock or SystemClock()).now().timestamp()) if timestamp_version else None
        wanted = _checked_version(version) if version else place.next_dev_version(chosen_name, now_s)
        release = _build(place, chosen_name, wanted, force=force)
        warnings = _compression_warnings(place)
        if final:
            final_version = wanted if version else place.next_final_version(chosen_name)
            release = _finalize(place, release.named(chosen_name, final_version), force=force)
    path = built.write(release, tarball) if tarball is not None else None
    return CreatedRelease(release.manifest(), release, path, warnings)


def _checked_name(name: str) -> str:
    if not name or "/" in name or name.startswith("."):
        raise BoshError(f"'{name}' is not a release name")
    return name


def _checked_version(text: str) -> str:
    try:
        return str(versions.parse(text))
    except ValueError as error:
        raise BoshError(str(error)) from error


def current_release(directory: ReleaseDir | Path, *, differs: Callable[[ReleaseManifest], bool]) -> CreatedRelease:
    """The newest dev release when it is what the directory says now, else a new one: for who asks again and again.

    Args:
        directory: the release directory; git may have uncommitted changes.
        differs: whether somebody already knows something else under this name and version; then the next version is taken.

    Raises:
        BoshError: with everything that is wrong in the directory.
    """
    place = directory if isinstance(directory, ReleaseDir) else ReleaseDir(directory)
    name = _checked_name(place.config.release_name)
    last = place.dev_releases.last(name)
    made = _assembled(place, name, str(last or place.next_dev_version(name)), force=True)
    if last is None or contents(made.manifest()) != _recorded(place, name, str(last)):
        made = _enter(place, made.named(name, place.next_dev_version(name)))
    while differs(made.manifest()):
        made = _enter(place, made.named(name, place.next_dev_version(name)))
    return CreatedRelease(made.manifest(), made)


def _recorded(place: ReleaseDir, name: str, version: str) -> frozenset[tuple[str, str, str]]:
    """The parts of a dev release by its manifest; none when the manifest is lost."""
    path = place.dev_releases.manifest_path(name, version)
    return contents(release_mf.parse(path.read_bytes())) if path.is_file() else frozenset()


def contents(manifest: ReleaseManifest) -> frozenset[tuple[str, str, str]]:
    """Kind, name and fingerprint of every job and package: releases with equal ones do the same."""
    jobs = {("job", job.name, job.fingerprint) for job in manifest.jobs}
    return frozenset(jobs | {("package", package.name, package.fingerprint) for package in manifest.packages})


def _enter(place: ReleaseDir, release: BuiltRelease) -> BuiltRelease:
    place.dev_releases.add(release.manifest())
    return release


def _build(place: ReleaseDir, name: str, wanted: str, *, force: bool) -> BuiltRelease:
    return _enter(place, _assembled(place, name, wanted, force=force))


def _assembled(place: ReleaseDir, name: str, wanted: str, *, force: bool) -> BuiltRelease:
    dirty = git.is_dirty(place.path, force=force)
    commit = git.last_commit(place.path)
    place.blobs.sync()
    source = place.read_parts()
    licenses = [source.license] if source.license else []
    archives = place.build_parts([*source.jobs, *source.packages, *licenses])
    return BuiltRelease(
        name=name,
        version=wanted,
        commit_hash=commit,
        uncommitted_changes=dirty,
        jobs=_of(archives, "job"),
        packages=_of(archives, "package"),
        license=next(iter(_of(archives, "license")), None),
        no_compression=place.config.no_compression,
    )


def _of(archives: Iterable[BuiltPart], kind: str) -> tuple[BuiltPart, ...]:
    return tuple(part for part in archives if part.kind == kind)


def _compression_warnings(place: ReleaseDir) -> tuple[str, ...]:
    if place.config.no_compression:
        return ()
    names = parts.packages_without_compression(place.path)
    if not names:
        return ()
    return (
        "Warning: The following packages have no_compression: true in their spec files, but final.yml does not have "
        "no_compression: true. Consider setting no_compression: true in final.yml to avoid compression on the outer release "
        f"tarball: {', '.join(names)}",
    )


def _finalize(place: ReleaseDir, release: BuiltRelease, *, force: bool) -> BuiltRelease:
    git.is_dirty(place.path, force=force)
    if release.version in place.final_releases.versions(release.name):
        raise ReleaseAlreadyExists(f"Release '{release.name}' version '{release.version}' already exists")
    final = replace(
        release,
        jobs=tuple(_keep(place.final_builds, part) for part in release.jobs),
        packages=tuple(_keep(place.final_builds, part) for part in release.packages),
        license=_keep(place.final_builds, release.license) if release.license else None,
    )
    place.final_releases.add(final.manifest())
    return final


def _keep(builds: Indexes, part: BuiltPart) -> BuiltPart:
    """The part with the archive that the final builds hold; it is uploaded when they hold none."""
    # Compiled packages belong to one stemcell; a final release refers to them by the archive alone.
    if part.stemcell:
        return part
    kept = builds.of(part.kind).find(part.name, part.fingerprint) or builds.of(part.kind).add(
        part.name, part.fingerprint, part.path, part.sha1
    )
    return replace(part, path=kept.path, sha1=kept.sha1)


def finalize_release(
    directory: ReleaseDir | Path, path: Path, *, name: str = "", version: str = "", force: bool = False
) -> CreatedRelease:
    """Enter a release tarball, or a dev release's manifest, as a final release of this directory.

    Raises:
        ReleaseAlreadyExists: there is one of that version; BoshError for everything else.
    """
    place = directory if isinstance(directory, ReleaseDir) else ReleaseDir(directory)
    with tempfile.TemporaryDirectory(prefix="bosh-release") as folder:
        release = place.load(path) if path.suffix == ".yml" else built.read(path, Path(folder))
        built.require_packages(release)
        chosen_name = _checked_name(name or release.name)
        wanted = _checked_version(version) if version else place.next_final_version(chosen_name)
        final = _finalize(place, release.named(chosen_name, wanted), force=force)
    return CreatedRelease(final.manifest(), final)


def vendor_package(
    directory: ReleaseDir | Path, package: str, source: ReleaseDir | Path, *, prefix: str = ""
) -> tuple[str, ...]:
    """Take a package, and all it needs, from the newest release of another directory; only a ``spec.lock`` is left as its source.

    Args:
        prefix: put before the names, with a hyphen.

    Returns:
        The names under which they are now known.

    Raises:
        BoshError: the other directory has no such package, or its archive cannot be had or stored.
    """
    place = directory if isinstance(directory, ReleaseDir) else ReleaseDir(directory)
    origin = source if isinstance(source, ReleaseDir) else ReleaseDir(source)
    available = {part.name: part for part in origin.find_last().packages}
    if package not in available:
        raise BoshError(
            f"Expected to find package '{package}'", details=f"the release has: {', '.join(sorted(available))}"
        )
    names = closure([package], {name: part.needs for name, part in available.items()})
    taken = tuple(_renamed(available[name], prefix) for name in names)
    for part in taken:
        _keep(place.final_builds, part)
    for part in taken:
        _write_lock(place.path, part)
    return tuple(part.name for part in taken)


def _renamed(part: BuiltPart, prefix: str) -> BuiltPart:
    if not prefix:
        return part
    return replace(part, name=f"{prefix}-{part.name}", needs=tuple(f"{prefix}-{name}" for name in part.needs))


def _write_lock(directory: Path, part: BuiltPart) -> None:
    folder = directory / "packages" / part.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needs = {"dependencies": list(part.needs)} if part.needs else {}
    (folder / "spec.lock").write_text(go_yaml.dump({"name": part.name, "fingerprint": part.fingerprint, **needs}))
