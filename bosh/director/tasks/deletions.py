"""Taking releases and stemcells away: shared by their own tasks and by clean-up (bosh: jobs/helpers/*_deleter.rb)."""

from __future__ import annotations

from collections.abc import Iterable

from bosh.director.release_rows import blob_is_used
from bosh.director.tasks.contract import TaskContext
from bosh.state import records
from bosh.wire.errors import CloudError, CpiNotFound, ReleaseVersionInUse, StemcellInUse

STEMCELL_LOCK_TIMEOUT_S = 10.0
RELEASE_LOCK_TIMEOUT_S = 10.0


def users_of_release(context: TaskContext, name: str, version: str = "") -> list[str]:
    """Deployments that use a version of it, or this version."""
    return [
        deployment.name
        for deployment in context.store.deployments.list()
        if any(each["name"] == name and version in {"", str(each["version"])} for each in deployment.releases)
    ]


async def delete_release_version(context: TaskContext, row: records.ReleaseVersion, *, force: bool) -> None:
    """Rows first, then the blobs that nobody else uses; under the release's lock.

    Raises:
        ReleaseVersionInUse: a deployment uses it.
    """
    label, store, log = f"{row.release}/{row.version}", context.store, context.log
    if users := users_of_release(context, row.release, row.version):
        raise ReleaseVersionInUse(f"ReleaseVersion '{label}' is still in use by: {', '.join(users)}")
    which = {"release": row.release, "release_version": row.version}
    packages, jobs = store.packages.list(**which), store.job_templates.list(**which)  # type: ignore[arg-type]
    with store.transaction():
        store.release_versions.delete(id=row.id)
        store.packages.delete(id=[each.id for each in packages])
        store.job_templates.delete(id=[each.id for each in jobs])
        compiled = [each for package in packages for each in _orphaned_compiled(context, package)]
        store.compiled_packages.delete(id=[each.id for each in compiled])
        if not store.release_versions.count(release=row.release):
            store.releases.delete(name=row.release)
    gone = [package for package in packages if not _is_kept(context, package)]
    stage = log.stage("Deleting packages", total=max(len(gone), 1))
    for package in gone:
        async with stage.step(f"{package.name}/{package.fingerprint}"):
            mine = [each.blobstore_id for each in compiled if each.package_name == package.name]
            await _delete_blobs(context, [package.blobstore_id, *mine], force=force)
    stage = log.stage("Deleting jobs", total=max(len(jobs), 1))
    for job in jobs:
        async with stage.step(f"{job.name}/{job.fingerprint}"):
            await _delete_blobs(context, [job.blobstore_id], force=force)
    async with log.stage("Deleting release versions").step(label):
        pass


def _is_kept(context: TaskContext, package: records.Package) -> bool:
    return bool(context.store.packages.count(name=package.name, fingerprint=package.fingerprint))


def _orphaned_compiled(context: TaskContext, package: records.Package) -> Iterable[records.CompiledPackage]:
    if _is_kept(context, package):
        return ()
    return context.store.compiled_packages.list(package_name=package.name, package_fingerprint=package.fingerprint)


async def _delete_blobs(context: TaskContext, blob_ids: Iterable[str], *, force: bool) -> None:
    for blob_id in blob_ids:
        if not blob_id or blob_is_used(context.store, blob_id):
            continue
        try:
            await context.blobs.delete(blob_id)
        except Exception as error:
            if not force:
                raise
            context.log.debug(f"Force deleting is set, ignoring exception: {error}")


async def delete_stemcell(context: TaskContext, row: records.Stemcell, *, force: bool) -> None:
    """From its cloud, then from the store.

    Raises:
        StemcellInUse: a deployment uses it. CloudError: the cloud refused, and ``force`` is not set.
    """
    label = f"{row.name}/{row.version}"
    async with context.control.lock(f"lock:stemcells:{row.name}:{row.version}", timeout_s=STEMCELL_LOCK_TIMEOUT_S):
        users = [
            deployment.name
            for deployment in context.store.deployments.list()
            if any((each["name"], str(each["version"])) == (row.name, row.version) for each in deployment.stemcells)
        ]
        if users:
            raise StemcellInUse(f"Stemcell '{label}' is still in use by: {', '.join(users)}")
        try:
            await context.cpis.named(row.cpi).call("delete_stemcell", row.cid)
        except (CloudError, CpiNotFound) as error:
            if not force:
                raise
            context.log.debug(f"Force deleting is set, ignoring exception: {error}")
        context.store.stemcells.delete(id=row.id)
