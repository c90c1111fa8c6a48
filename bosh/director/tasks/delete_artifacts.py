"""Remove what nobody uses any more (``bosh clean-up``; bosh: cleanup_artifact_manager.rb)."""

from __future__ import annotations

from bosh.director import leftovers
from bosh.director.tasks import uploads
from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.deletions import RELEASE_LOCK_TIMEOUT_S, delete_release_version, delete_stemcell
from bosh.director.tasks.orphans import delete_disk, delete_vm
from bosh.state import records


async def run(context: TaskContext) -> str:
    """``Deleted N release(s), …``. Raises what deleting each of them raises; what was deleted before stays deleted."""
    arguments = context.task.arguments
    found = leftovers.find(
        context.store,
        remove_all=bool(arguments["remove_all"]),
        keep_orphaned_disks=bool(arguments["keep_orphaned_disks"]),
        now=context.clock.now(),
    )
    await _vms(context, found.vms)
    await _releases(context, found.releases)
    await _stemcells(context, found.stemcells)
    await _compiled(context, found.compiled)
    await _disks(context, found.disks)
    await _exported(context, found.exported)
    await _dns(context, found.dns)
    await _forgotten_uploads(context)
    stemcells = len({(row.name, row.version) for row in found.stemcells})
    return (
        f"Deleted {len(found.releases)} release(s), {stemcells} stemcell(s), {len(found.compiled)} extra compiled package(s), "
        f"{len(found.disks)} orphaned disk(s), {len(found.vms)} orphaned vm(s), {len(found.exported)} exported release(s), "
        f"{len(found.dns)} dns blob(s)"
    )


async def _vms(context: TaskContext, rows: tuple[records.Vm, ...]) -> None:
    stage = context.log.stage("Deleting orphaned vms", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(row.cid):
            context.control.checkpoint()
            await delete_vm(context, row)


async def _releases(context: TaskContext, rows: tuple[records.ReleaseVersion, ...]) -> None:
    stage = context.log.stage("Deleting releases", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(f"{row.release}/{row.version}"):
            context.control.checkpoint()
            async with context.control.lock(f"lock:release:{row.release}", timeout_s=RELEASE_LOCK_TIMEOUT_S):
                await delete_release_version(context, row, force=False)


async def _stemcells(context: TaskContext, rows: tuple[records.Stemcell, ...]) -> None:
    stage = context.log.stage("Deleting stemcells", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(f"{row.name}/{row.version}"):
            context.control.checkpoint()
            await delete_stemcell(context, row, force=False)
        context.store.stemcell_uploads.delete(name=row.name, version=row.version)


async def _compiled(context: TaskContext, rows: tuple[records.CompiledPackage, ...]) -> None:
    stage = context.log.stage("Deleting compiled packages", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(f"{row.package_name} for {row.stemcell_os}/{row.stemcell_version}"):
            context.store.compiled_packages.delete(id=row.id)
            await context.blobs.delete(row.blobstore_id)


async def _disks(context: TaskContext, rows: tuple[records.Disk, ...]) -> None:
    stage = context.log.stage("Deleting orphaned disks", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(row.cid):
            context.control.checkpoint()
            await delete_disk(context, row)


async def _exported(context: TaskContext, rows: tuple[records.Blob, ...]) -> None:
    stage = context.log.stage("Deleting exported releases", total=max(len(rows), 1))
    for row in rows:
        async with stage.step(row.blobstore_id):
            await context.blobs.delete(row.blobstore_id)
            context.store.blobs.delete(id=row.id)


async def _dns(context: TaskContext, rows: tuple[records.DnsBlob, ...]) -> None:
    async with context.log.stage("Deleting dns blobs").step("DNS blobs"):
        for row in rows:
            await context.blobs.delete(row.blobstore_id)
            context.store.dns_blobs.delete(id=row.id)


async def _forgotten_uploads(context: TaskContext) -> None:
    """Blobs whose upload died before it could take them back; those of uploads under way are younger."""
    running = context.store.tasks.list(type="update_release", state=["processing", "cancelling"])
    oldest = min((task.started_at or task.created_at for task in running), default=context.clock.now())
    rows = [row for row in context.store.blobs.list(type=uploads.UPLOADING) if row.created_at < oldest]
    await uploads.discard(context, [row.blobstore_id for row in rows])
