"""Store an uploaded release (``bosh upload-release``; bosh: jobs/update_release.rb).

Blobs come first, then all rows in one transaction: a release version is there as a whole or not at all. The same fingerprint means the
same content, so what is here already is used again, whichever release brought it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bosh.director.release_rows import blob_is_used, compiled_key, dependency_keys
from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.uploads import NewBlobs, check_digest, disk_space, fetch, to_its_end, uploaded
from bosh.release import version as versions
from bosh.release.archive import JobArchive, PackageArchive, ReleaseArchive, read
from bosh.state import records
from bosh.wire.errors import (
    ReleaseExistingJobFingerprintMismatch,
    ReleaseInvalidPackage,
    ReleaseSha1DoesNotMatch,
    ReleaseVersionCommitHashMismatch,
    ReleaseVersionInvalid,
    SystemFailure,
)

_LOCK_TIMEOUT_S = 300.0


async def run(context: TaskContext) -> str:
    """``Created release 'NAME/VERSION'``.

    Raises:
        What ``bosh.release.archive.read`` raises; ReleaseSha1DoesNotMatch, ReleaseVersionCommitHashMismatch,
        ReleaseExistingJobFingerprintMismatch, ReleaseInvalidPackage, NotEnoughDiskSpace, LockTimeout.
    """
    arguments, log = context.task.arguments, context.log
    async with uploaded(context) as path:
        if arguments["location"]:
            async with log.stage("Downloading remote release").step("Downloading remote release"):
                await fetch(context, arguments["location"], path)
        if arguments["sha1"]:
            async with log.stage("Verifying remote release").step("Verifying remote release"):
                await check_digest(path, arguments["sha1"], ReleaseSha1DoesNotMatch)
        async with log.stage("Extracting release").step("Extracting release"):
            folder = context.work_dir / "release"
            folder.mkdir()
            with disk_space("cannot extract the release"):
                release = await to_its_end(asyncio.to_thread(read, path, folder))
        context.control.checkpoint()
        async with context.control.lock(f"lock:release:{release.name}", timeout_s=_LOCK_TIMEOUT_S):
            stored = await _Upload(context, release).store()
    return f"Created release '{stored.release}/{stored.version}'"


@dataclass
class _Rows:
    """What the last transaction writes."""

    jobs: list[records.JobTemplate] = field(default_factory=list)
    packages: list[records.Package] = field(default_factory=list)
    compiled: list[records.CompiledPackage] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    """Blob → the new one that takes its place, with ``fix``."""
    obsolete: list[records.CompiledPackage] = field(default_factory=list)
    """Compiled from a source that ``fix`` replaces."""
    reused: list[str] = field(default_factory=list)
    """Blobs that must still be there when all is written."""


def rebased(version: str, existing: Sequence[str]) -> str:
    """The next development version after those with the same release part (bosh: release_version_list.rb).

    Raises:
        ReleaseVersionInvalid: it has no development part.
    """
    wanted = versions.parse(version)
    if not wanted.post:
        raise ReleaseVersionInvalid(
            f"cannot rebase release version {version}", details="only development versions (1+dev.2) can be rebased"
        )
    same = [each for each in map(versions.parse, existing) if (each.release, each.pre) == (wanted.release, wanted.pre)]
    if not same:
        return str(wanted.with_post_release(("dev", 1)))
    return str(max(same).next_post_release())


class _Upload:
    """One release on its way into the store, under its lock."""

    def __init__(self, context: TaskContext, release: ReleaseArchive) -> None:
        self._context = context
        self._store = context.store
        self._release = release
        self._fix = bool(context.task.arguments["fix"])
        self._blobs = NewBlobs(context)
        self._rows = _Rows()
        self._version = release.version
        self._known: records.ReleaseVersion | None = None

    async def store(self) -> records.ReleaseVersion:
        log = self._context.log
        async with log.stage("Verifying manifest").step("Verifying manifest"):
            self._find_version()
            self._check_against_known()
        try:
            async with log.stage("Resolving package dependencies").step("Resolving package dependencies"):
                keys = self._dependency_keys()
            await self._packages()
            if self._release.is_compiled:
                await self._compiled(keys)
            await self._jobs()
            return await self._finish()
        except BaseException:
            await self._blobs.discard()
            raise

    # --- which version

    def _find_version(self) -> None:
        name = self._release.name
        if self._context.task.arguments["rebase"]:
            existing = [row.version for row in self._store.release_versions.list(release=name)]
            self._version = rebased(self._release.version, existing)
        self._known = self._store.release_versions.get(release=name, version=self._version)

    def _check_against_known(self) -> None:
        known, release = self._known, self._release
        if known is None:
            return
        label = f"{known.release}/{known.version}"
        if (known.commit_hash, known.uncommitted_changes) != (release.commit_hash, release.uncommitted_changes):
            raise ReleaseVersionCommitHashMismatch(
                f"release '{label}' has already been uploaded with commit_hash as '{known.commit_hash}' and "
                f"uncommitted_changes as '{str(known.uncommitted_changes).lower()}'"
            )
        fingerprints = {row.name: row.fingerprint for row in self._store.job_templates.list(**self._which)}
        for job in release.jobs:
            if fingerprints.get(job.name, job.fingerprint) != job.fingerprint:
                raise ReleaseExistingJobFingerprintMismatch(
                    f"job '{job.name}' had different fingerprint in previously uploaded release '{label}'"
                )
        fingerprints = {row.name: row.fingerprint for row in self._store.packages.list(**self._which)}
        for package in release.packages:
            if fingerprints.get(package.name, package.fingerprint) != package.fingerprint:
                raise ReleaseInvalidPackage(
                    f"package '{package.name}' had different fingerprint in previously uploaded release '{label}'"
                )

    @property
    def _which(self) -> dict[str, Any]:
        return {"release": self._release.name, "release_version": self._version}

    def _dependency_keys(self) -> dict[str, str]:
        return dependency_keys(
            [
                {"name": each.name, "fingerprint": each.fingerprint, "dependencies": list(each.dependencies)}
                for each in self._release.packages
            ]
        )

    # --- packages

    async def _packages(self) -> None:
        known = {(row.name, row.fingerprint) for row in self._store.packages.list(release=self._release.name)}
        new = [each for each in self._release.packages if (each.name, each.fingerprint) not in known]
        existing = [each for each in self._release.packages if each not in new]
        if new:
            stage = self._context.log.stage("Creating new packages", total=len(new))
            for package in new:
                async with stage.step(f"{package.name}/{package.version}"):
                    self._context.control.checkpoint()
                    await self._package(package)
        if existing:
            title = f"Processing {len(existing)} existing package{'s' if len(existing) > 1 else ''}"
            async with self._context.log.stage(title).step(title):
                for package in existing:
                    self._context.control.checkpoint()
                    await self._package(package)

    async def _package(self, package: PackageArchive) -> None:
        blob_id, sha1 = "", ""
        if not self._release.is_compiled:
            blob_id, sha1 = await self._source(package)
        else:
            found = self._source_here(package)
            if found is not None:
                blob_id, sha1 = found.blobstore_id, found.sha1
                self._rows.reused.append(blob_id)
        self._rows.packages.append(
            records.Package(
                self._release.name,
                self._version,
                package.name,
                package.fingerprint,
                sha1,
                blob_id,
                list(package.dependencies),
            )
        )

    def _source_here(self, package: PackageArchive) -> records.Package | None:
        rows = self._store.packages.list(fingerprint=package.fingerprint)
        return next((row for row in rows if row.blobstore_id and row.sha1), None)

    async def _source(self, package: PackageArchive) -> tuple[str, str]:
        """Blob and digest of a source package: one that is here, or the uploaded one."""
        here = self._source_here(package)
        if here is not None and (not self._fix or package.path is None):
            self._rows.reused.append(here.blobstore_id)
            return here.blobstore_id, here.sha1
        if package.path is None:
            raise ReleaseInvalidPackage(
                f"cannot store package '{package.name}/{package.version}'",
                details="the archive does not hold it, and the director does not have it any more",
                resolution="Upload the release again with --fix.",
            )
        blob_id = await self._blobs.put(package.path)
        if here is not None:
            for row in self._store.packages.list(fingerprint=package.fingerprint, name=package.name):
                if row.blobstore_id:
                    self._rows.replaced[row.blobstore_id] = blob_id
            self._rows.obsolete += self._store.compiled_packages.list(
                package_name=package.name, package_fingerprint=package.fingerprint
            )
        return blob_id, package.sha1

    async def _compiled(self, keys: dict[str, str]) -> None:
        stage = self._context.log.stage("Creating new compiled packages", total=len(self._release.packages))
        for package in self._release.packages:
            wanted = compiled_key(
                {
                    "name": package.name,
                    "fingerprint": package.fingerprint,
                    "stemcell": f"{package.stemcell_os}/{package.stemcell_version}",
                },
                keys[package.name],
            )
            here = self._store.compiled_packages.get(**wanted)
            if here is not None and not (self._fix and package.path):
                continue
            title = f"{package.name}/{package.version} for {package.stemcell_os}/{package.stemcell_version}"
            async with stage.step(title):
                self._context.control.checkpoint()
                await self._compiled_package(package, wanted, here)

    async def _compiled_package(
        self, package: PackageArchive, wanted: dict[str, Any], here: records.CompiledPackage | None
    ) -> None:
        if package.path is None:
            raise ReleaseInvalidPackage(
                f"cannot store compiled package '{package.name}/{package.version}'",
                details="the archive does not hold it, and the director does not have it any more",
                resolution="Upload the release again with --fix.",
            )
        blob_id = await self._blobs.put(package.path)
        if here is not None:
            self._rows.obsolete.append(here)
        self._rows.compiled.append(records.CompiledPackage(sha1=package.sha1, blobstore_id=blob_id, **wanted))

    # --- jobs

    async def _jobs(self) -> None:
        known = {(row.name, row.fingerprint) for row in self._store.job_templates.list(release=self._release.name)}
        new = [each for each in self._release.jobs if (each.name, each.fingerprint) not in known]
        existing = [each for each in self._release.jobs if each not in new]
        if new:
            stage = self._context.log.stage("Creating new jobs", total=len(new))
            for job in new:
                async with stage.step(f"{job.name}/{job.version}"):
                    self._context.control.checkpoint()
                    await self._job(job)
        if existing:
            title = f"Processing {len(existing)} existing job{'s' if len(existing) > 1 else ''}"
            async with self._context.log.stage(title).step(title):
                for job in existing:
                    self._context.control.checkpoint()
                    await self._job(job)

    async def _job(self, job: JobArchive) -> None:
        rows = self._store.job_templates.list(fingerprint=job.fingerprint, name=job.name)
        here = next((row for row in rows if row.blobstore_id and row.sha1 == job.sha1), None)
        if here is not None and not self._fix:
            blob_id = here.blobstore_id
            self._rows.reused.append(blob_id)
        else:
            blob_id = await self._blobs.put(job.path)
            self._rows.replaced |= {row.blobstore_id: blob_id for row in rows if row.sha1 == job.sha1}
        spec = dict(job.spec)
        if job.properties_schema is not None:
            spec["properties_schema"] = job.properties_schema
        self._rows.jobs.append(
            records.JobTemplate(self._release.name, self._version, job.name, job.fingerprint, job.sha1, blob_id, spec)
        )

    # --- all at once

    async def _finish(self) -> records.ReleaseVersion:
        release, rows = self._release, self._rows
        title = "Compiled Release has been created" if release.is_compiled else "Release has been created"
        async with self._context.log.stage(title).step(f"{release.name}/{self._version}"):
            with self._store.transaction():
                self._check_reused()
                self._replace_blobs()
                stored = self._write()
                self._blobs.keep()
        old = [*rows.replaced, *(row.blobstore_id for row in rows.obsolete)]
        for blob_id in dict.fromkeys(old):
            if not blob_is_used(self._store, blob_id):
                await self._context.blobs.delete(blob_id)
        return stored

    def _check_reused(self) -> None:
        for blob_id in self._rows.reused:
            if not blob_is_used(self._store, blob_id):
                raise SystemFailure(
                    f"cannot store release '{self._release.name}/{self._version}'",
                    details="another release that shared its packages was deleted meanwhile",
                    resolution="Upload the release again.",
                )

    def _replace_blobs(self) -> None:
        for old, new in self._rows.replaced.items():
            self._store.packages.update_where({"blobstore_id": old}, blobstore_id=new)
            self._store.job_templates.update_where({"blobstore_id": old}, blobstore_id=new)
        self._store.compiled_packages.delete(id=[row.id for row in self._rows.obsolete])

    def _write(self) -> records.ReleaseVersion:
        release, rows = self._release, self._rows
        if self._store.releases.get(name=release.name) is None:
            self._store.releases.insert(records.Release(release.name))
        known_jobs = {row.name for row in self._store.job_templates.list(**self._which)}
        self._store.job_templates.insert_all([row for row in rows.jobs if row.name not in known_jobs])
        known = {row.name: row for row in self._store.packages.list(**self._which)}
        self._store.packages.insert_all([row for row in rows.packages if row.name not in known])
        for package in rows.packages:
            # A compiled release was here; now its source comes too.
            if package.name in known and package.blobstore_id and not known[package.name].blobstore_id:
                self._store.packages.update(
                    known[package.name].id, blobstore_id=package.blobstore_id, sha1=package.sha1
                )
        self._store.compiled_packages.insert_all(rows.compiled)
        if self._known is not None:
            return self._known
        return self._store.release_versions.insert(
            records.ReleaseVersion(release.name, self._version, release.commit_hash, release.uncommitted_changes)
        )
