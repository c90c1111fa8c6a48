"""Delete a whole deployment: instances, then what was remembered of it; disks are orphaned (bosh: deployment_deleter.rb)."""

from __future__ import annotations

from bosh.execution.archives import drop_unused_archives
from bosh.execution.concurrency import for_each
from bosh.execution.dns_records import publish_dns
from bosh.execution.events import recorded
from bosh.execution.steps.delete_instance import delete_instance
from bosh.execution.steps.snapshot import delete_snapshot
from bosh.execution.steps.tidy import tidy
from bosh.execution.world import World
from bosh.inventory.current import read_current
from bosh.manifest.model import Catalog
from bosh.plan.errors import IgnoredInstancesDeletion
from bosh.plan.model import CurrentInstance
from bosh.wire.errors import CloudError


async def delete_deployment(world: World, *, force: bool = False, keep_snapshots: bool = False) -> None:
    """Delete it; may be repeated after a failure.

    Args:
        force: note what goes wrong with agents and clouds and go on.

    Raises:
        IgnoredInstancesDeletion: 190021, even when forced.
        CloudError, RpcTimeout, RpcRemoteException: unless forced.
    """
    with recorded(world, "delete", "deployment", world.deployment):
        current = await read_current(
            world.store,
            world.agents,
            deployment=world.deployment,
            catalog=Catalog(),
            answer_timeout_s=world.config.agent_answer_timeout_s,
        )
        _refuse_ignored(current.instances)
        await tidy(world)
        await _delete_instances(world, current.instances, force=force)
        await _delete_snapshots(world, keep=keep_snapshots, force=force)
        await _remove_artifacts(world)
        await drop_unused_archives(world)
        await publish_dns(world)


def _refuse_ignored(instances: tuple[CurrentInstance, ...]) -> None:
    ignored = [f"{one.group}/{one.id}" for one in instances if one.ignored]
    if ignored:
        raise IgnoredInstancesDeletion(
            f"You are trying to delete deployment, which contains ignored instance(s). Operation not allowed: {', '.join(ignored)}",
            resolution="Run 'bosh unignore' for them first.",
        )


async def _delete_instances(world: World, instances: tuple[CurrentInstance, ...], *, force: bool) -> None:
    stage = world.log.stage("Deleting instances", total=max(1, len(instances)))

    async def act(instance: CurrentInstance) -> None:
        world.control.checkpoint()
        async with stage.step(f"{instance.group}/{instance.id} ({instance.index})"):
            await delete_instance(world, instance, fate="delete_deployment", force=force)

    await for_each(instances, act, at_once=world.config.max_threads)


async def _delete_snapshots(world: World, *, keep: bool, force: bool) -> None:
    snapshots = [] if keep else world.store.snapshots.list(deployment=world.deployment)
    for snapshot in snapshots:
        try:
            await delete_snapshot(world, snapshot)
        except CloudError as error:
            if not force:
                raise
            world.log.notice("warning", f"Could not delete snapshot '{snapshot.cid}': {error.brief}")


async def _remove_artifacts(world: World) -> None:
    store, name = world.store, world.deployment
    stage = world.log.stage("Removing deployment artifacts", total=3)
    row = store.deployments.get(name=name)
    async with stage.step("Detaching stemcells"):
        if row is not None:
            store.deployments.update(row.id, stemcells=[])
    async with stage.step("Detaching releases"):
        if row is not None:
            store.deployments.update(row.id, releases=[])
    async with stage.step("Destroying deployment"):
        with store.transaction():
            store.ips.delete(deployment=name)
            store.errand_runs.delete(deployment=name)
            store.problems.delete(deployment=name)
            store.variable_uses.delete(deployment=name)
            store.deployments.delete(name=name)
