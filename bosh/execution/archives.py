"""Archives of rendered templates in the blobstore: written down before they are stored, so that those of an interrupted task are found."""

from __future__ import annotations

from collections.abc import Iterable

from bosh.execution.rendering import Rendered, store_archives
from bosh.execution.world import World
from bosh.state import records


def _kind(world: World) -> str:
    """Type of the blob rows that say: an instance of this deployment may have it, or nobody."""
    return f"templates:{world.deployment}"


async def keep_archives(world: World, rendered: Rendered) -> None:
    """Store the new archives; those that they are to replace are nobody's, too, once they are replaced."""
    ids = {instance_id: world.ids.uuid() for instance_id in rendered.archives}
    replaced = [_archive_of(row) for row in world.store.instances.list(deployment=world.deployment) if row.uuid in ids]
    _note(world, [*ids.values(), *replaced])
    await store_archives(rendered, world.blobs, ids)


async def drop_unused_archives(world: World) -> None:
    """Delete what was written down and no instance has. The deployment's lock is held, and nothing that was planned is still to be done."""
    rows = world.store.blobs.list(type=_kind(world))
    if not rows:
        return
    kept = {_archive_of(row) for row in world.store.instances.list(deployment=world.deployment)}
    for row in rows:
        if row.blobstore_id not in kept:
            await world.blobs.delete(row.blobstore_id)
    world.store.blobs.delete(type=_kind(world))


def _archive_of(row: records.Instance) -> str:
    return str((row.spec.get("rendered_templates_archive") or {}).get("blobstore_id") or "")


def _note(world: World, blob_ids: Iterable[str]) -> None:
    known = {"", *(row.blobstore_id for row in world.store.blobs.list(type=_kind(world)))}
    now = world.clock.now()
    rows = [records.Blob(blob_id, "", _kind(world), now) for blob_id in dict.fromkeys(blob_ids) if blob_id not in known]
    world.store.blobs.insert_all(rows)
