"""Log bundles: an agent packs and uploads, the director remembers the blob until it is old (bosh: logs_fetcher.rb)."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bosh.clients.contract import BlobRef
from bosh.execution.concurrency import for_each
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.errors import BoshError

BUNDLE_TYPE = "log-bundle"
KEEP = timedelta(days=10)
"""As the original: long enough for a person to come back for it."""


class AgentTaskNoBlobstoreId(BoshError):
    code = 400001


async def fetch(
    world: World, instance: records.Instance, vm: records.Vm, *, kinds: str, filters: Sequence[str]
) -> BlobRef:
    """Have one agent pack its logs.

    Args:
        kinds: ``job``, ``agent``, ``system`` or several with commas.

    Raises:
        AgentTaskNoBlobstoreId: the agent did not say where it put them. RpcTimeout, RpcRemoteException.
    """
    stage = world.log.stage(f"Fetching logs for {instance.group}/{instance.uuid} ({instance.index})", total=1)
    async with stage.step("Finding and packing log files"):
        answer = await world.agents.run(vm.agent_id, "fetch_logs", kinds, list(filters))
    if not isinstance(answer, dict) or not answer.get("blobstore_id"):
        raise AgentTaskNoBlobstoreId("Agent didn't return a blobstore object id for packaged logs")
    return BlobRef(str(answer["blobstore_id"]), str(answer.get("sha1") or ""))


async def fetch_all(
    world: World,
    chosen: Sequence[tuple[records.Instance, records.Vm]],
    folder: Path,
    *,
    kinds: str,
    filters: Sequence[str],
) -> BlobRef:
    """One bundle of many instances' bundles, named ``group.id.time.tgz`` inside."""
    bundles = folder / "logs"
    bundles.mkdir()

    async def one(pair: tuple[records.Instance, records.Vm]) -> None:
        instance, vm = pair
        blob = await fetch(world, instance, vm, kinds=kinds, filters=filters)
        stamp = world.clock.now().strftime("%Y-%m-%d-%H-%M-%S")
        try:
            await world.blobs.get_file(blob.id, bundles / f"{instance.group}.{instance.uuid}.{stamp}.tgz")
        finally:
            await world.blobs.delete(blob.id)

    await for_each(chosen, one, at_once=world.config.max_threads)
    async with world.log.stage("Fetching group of logs", total=1).step("Packing log files together"):
        archive = folder / "logs.tgz"
        await asyncio.to_thread(_pack, bundles, archive)
        return await world.blobs.put_file(archive)


def _pack(source: Path, target: Path) -> None:
    # The bundles are compressed already.
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, arcname=f"./{path.name}")


def keep_for_a_while(world: World, blob: BlobRef) -> None:
    """Remember a bundle, so that it is removed when it is old."""
    world.store.blobs.insert(records.Blob(blob.id, blob.sha1, BUNDLE_TYPE, world.clock.now()))


async def remove_old(world: World) -> None:
    """Bundles nobody came for."""
    before = world.clock.now() - KEEP
    for row in world.store.blobs.list(type=BUNDLE_TYPE):
        if row.created_at < before:
            await world.blobs.delete(row.blobstore_id)
            world.store.blobs.delete(blobstore_id=row.blobstore_id)
