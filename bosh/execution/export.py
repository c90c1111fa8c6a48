"""Export a release in compiled form: compile what is missing, pack jobs and compiled packages (bosh: jobs/export_release.rb).

The archive is what ``upload-release`` takes for a compiled release: ``release.MF``, ``jobs/``, ``compiled_packages/``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bosh.clients.contract import BlobRef
from bosh.director.leftovers import EXPORTED
from bosh.director.tasks.contract import Stage, TaskContext
from bosh.execution.last_success import read_last_success
from bosh.execution.steps.compile_packages import compile_packages, find_compiled
from bosh.execution.world import World
from bosh.inventory import read_catalog
from bosh.manifest.model import Catalog, CompiledPackage, JobSpec, Package, Release, StemcellChoice
from bosh.manifest.psych import psych_lines
from bosh.plan.compilation import CompiledIndex, closure, compilations_of, dependency_key
from bosh.release import tarball
from bosh.release.tarball import Entry
from bosh.state import records
from bosh.wire import digest
from bosh.wire.errors import (
    BadManifest,
    BoshError,
    DeploymentNotFound,
    PackageMissingSourceCode,
    ReleaseNotFound,
    ReleaseVersionNotFound,
    ResourceNotFound,
    StemcellNotFound,
)

LOCK_TIMEOUT_S = 900.0


class ReleaseNotMatchingManifest(BoshError):
    """The deployment does not use the release."""

    code = 30011


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be exported, and for what."""

    release: str
    version: str
    stemcell_os: str
    stemcell_version: str
    sha2: bool = False
    jobs: tuple[str, ...] = ()
    """Only these; empty for all."""

    @property
    def release_name(self) -> str:
        return f"{self.release}/{self.version}"

    @property
    def stemcell_name(self) -> str:
        return f"{self.stemcell_os}/{self.stemcell_version}"


def export_request(arguments: Mapping[str, Any]) -> ExportRequest:
    """Read a task's arguments (bosh/director/api/README.md)."""
    return ExportRequest(
        release=str(arguments["release_name"]),
        version=str(arguments["release_version"]),
        stemcell_os=str(arguments["stemcell_os"]),
        stemcell_version=str(arguments["stemcell_version"]),
        sha2=bool(arguments.get("sha2")),
        jobs=tuple(str(one.get("name")) for one in arguments.get("jobs") or ()),
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into the archive."""

    release: Release
    row: records.ReleaseVersion
    stemcell: StemcellChoice
    jobs: tuple[JobSpec, ...]
    packages: tuple[Package, ...]
    """Those of the jobs and all they need, a dependency before who needs it."""


async def export_release(context: TaskContext, request: ExportRequest) -> BlobRef:
    """The archive's blob, remembered until the next clean-up.

    Raises:
        DeploymentNotFound, ReleaseNotFound, ReleaseVersionNotFound, StemcellNotFound: no such thing.
        ReleaseNotMatchingManifest: 30011. PackageMissingSourceCode: 60001.
        BadManifest: nothing says how to compile. What compiling raises.
    """
    name = context.task.deployment
    contents = decide_contents(context, request)
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=LOCK_TIMEOUT_S):
        world = read_last_success(context, name).world
        await _compile(world, contents)
        archive = await _pack(world, contents, context.work_dir)
        return await _store(world, request, archive)


def decide_contents(context: TaskContext, request: ExportRequest) -> Contents:
    """Look everything up before anything is done; raises as ``export_release``."""
    store = context.store
    deployment = store.deployments.get(name=context.task.deployment)
    if deployment is None:
        raise DeploymentNotFound(f"Deployment '{context.task.deployment}' doesn't exist")
    if store.releases.get(name=request.release) is None:
        raise ReleaseNotFound(f"Release '{request.release}' doesn't exist")
    row = store.release_versions.get(release=request.release, version=request.version)
    if row is None:
        raise ReleaseVersionNotFound(f"Release version '{request.release_name}' doesn't exist")
    if not any((one["name"], str(one["version"])) == (row.release, row.version) for one in deployment.releases):
        raise ReleaseNotMatchingManifest(
            f"Release version '{request.release_name}' not found in deployment '{deployment.name}' manifest",
            resolution="Name the version that the deployment uses; 'bosh deployments' shows it.",
        )
    catalog = read_catalog(store)
    release = next(one for one in catalog.releases if (one.name, one.version) == (row.release, row.version))
    jobs = tuple(job for name, job in sorted(release.jobs.items()) if not request.jobs or name in request.jobs)
    return Contents(release, row, _stemcell(catalog, request), jobs, _packages(release, jobs))


def _stemcell(catalog: Catalog, request: ExportRequest) -> StemcellChoice:
    for image in catalog.stemcells:
        if (image.os, image.version) == (request.stemcell_os, request.stemcell_version):
            return StemcellChoice("", image.os, image.name, image.version, image.api_version)
    raise StemcellNotFound(
        f"Stemcell version '{request.stemcell_version}' for OS '{request.stemcell_os}' doesn't exist"
    )


def _packages(release: Release, jobs: Sequence[JobSpec]) -> tuple[Package, ...]:
    found: dict[str, Package] = {}
    for name in dict.fromkeys(name for job in jobs for name in job.packages):
        for package in (*closure(name, release.packages), release.packages[name]):
            found.setdefault(package.name, package)
    return tuple(found.values())


# --- compiling ------------------------------------------------------------------------------------------------------------------------


async def _compile(world: World, contents: Contents) -> None:
    siblings = contents.release.packages
    index = CompiledIndex(world.catalog.compiled)
    async with world.log.stage("Preparing package compilation").step("Finding packages to compile"):
        steps = compilations_of(
            [package.name for package in contents.packages], siblings, contents.stemcell, index, reason="exported"
        )
    if not steps:
        return
    compilation = world.desired.compilation if world.desired else None
    if compilation is None:
        raise BadManifest(
            "cannot compile packages: no cloud config has a 'compilation' section",
            resolution="Add one, or upload releases compiled for the stemcell.",
        )
    await compile_packages(world, steps, compilation, lambda _package: siblings)


def _compiled(world: World, contents: Contents, package: Package) -> CompiledPackage:
    """The package as compiled for exactly this stemcell: the archive says that it is."""
    key = dependency_key(package.name, contents.release.packages)
    found = find_compiled(world, package, key, contents.stemcell)
    if found is None or found.stemcell_version != contents.stemcell.version:
        wanted = f"{contents.stemcell.os}/{contents.stemcell.version}"
        raise PackageMissingSourceCode(
            f"Can't export package '{package.name}/{package.fingerprint}': it has no source code and is not compiled for '{wanted}'",
            resolution="Export for the stemcell it was compiled for, or upload the release with source.",
        )
    return found


# --- packing --------------------------------------------------------------------------------------------------------------------------


async def _pack(world: World, contents: Contents, folder: Path) -> Path:
    """The archive, in a folder of the task's own."""
    compiled = {package.name: _compiled(world, contents, package) for package in contents.packages}
    text = manifest_text(contents, compiled)
    entries = [Entry("release.MF", text.encode()), Entry("jobs", is_folder=True)]
    packed = [Entry("compiled_packages", is_folder=True)]
    stage = world.log.stage("copying packages", total=len(contents.packages))
    for package in contents.packages:
        one = compiled[package.name]
        path = f"compiled_packages/{package.name}.tgz"
        packed.append(
            await _copied(
                world, stage, f"{package.name}/{package.fingerprint}", BlobRef(one.blobstore_id, one.sha1), folder, path
            )
        )
    stage = world.log.stage("copying jobs", total=len(contents.jobs))
    for job in contents.jobs:
        path = f"jobs/{job.name}.tgz"
        entries.append(
            await _copied(
                world, stage, f"{job.name}/{job.fingerprint}", BlobRef(job.blobstore_id, job.sha1), folder, path
            )
        )
    archive = folder / "compiled_release.tgz"
    await asyncio.to_thread(tarball.write, archive, [*entries, *packed])
    return archive


async def _copied(world: World, stage: Stage, label: str, blob: BlobRef, folder: Path, path: str) -> Entry:
    """Fetch one blob into the folder. Raises ResourceNotFound when it is not what it was."""
    target = folder / path
    target.parent.mkdir(exist_ok=True)
    async with stage.step(label):
        world.control.checkpoint()
        await world.blobs.get_file(blob.id, target)
        if not await asyncio.to_thread(digest.file_matches, target, blob.sha1):
            raise ResourceNotFound(
                f"cannot export '{label}': its blob '{blob.id}' does not have the digest '{blob.sha1}'",
                resolution="Upload the release again with --fix.",
            )
    return Entry(path, target)


def manifest_text(contents: Contents, compiled: Mapping[str, CompiledPackage]) -> str:
    """``release.MF`` as the original writes it (bosh: compiled_release_manifest.rb)."""
    stemcell = f"{contents.stemcell.os}/{contents.stemcell.version}"
    body = {
        "compiled_packages": [
            {
                "name": package.name,
                "version": package.fingerprint,
                "fingerprint": package.fingerprint,
                "sha1": compiled[package.name].sha1,
                "stemcell": stemcell,
                "dependencies": list(package.dependencies),
            }
            for package in contents.packages
        ],
        "jobs": [
            {"name": job.name, "version": job.fingerprint, "fingerprint": job.fingerprint, "sha1": job.sha1}
            for job in contents.jobs
        ],
        "commit_hash": contents.row.commit_hash,
        "uncommitted_changes": contents.row.uncommitted_changes,
        "name": contents.row.release,
        "version": contents.row.version,
    }
    return "\n".join(("---", *psych_lines(body), ""))


async def _store(world: World, request: ExportRequest, archive: Path) -> BlobRef:
    text = await asyncio.to_thread(digest.of_file, archive, "sha256" if request.sha2 else "sha1")
    blob = replace(await world.blobs.put_file(archive), sha1=text)
    world.store.blobs.insert(records.Blob(blob.id, blob.sha1, EXPORTED, world.clock.now()))
    return blob
