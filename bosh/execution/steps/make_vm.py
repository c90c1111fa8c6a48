"""A VM for an instance: created, its disks attached, its agent told who it is (bosh: vm_creator.rb)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bosh.execution.metadata import vm_metadata
from bosh.execution.steps import disks
from bosh.execution.steps.apply_spec import apply_bare, update_settings
from bosh.execution.steps.create_vm import VmOrder, create_vm
from bosh.execution.steps.disks import Owner
from bosh.execution.world import World
from bosh.manifest.model import Json
from bosh.plan.model import LaidInstance
from bosh.state import records


async def make_vm(world: World, instance: LaidInstance, spec: Mapping[str, Json]) -> records.Vm:
    """The instance's new VM, nothing installed on it yet. Raises what ``create_vm`` and the disks' moves raise."""
    kept = [disk for disk in disks.disks_of(world, instance.id) if disk.active]
    vm = await create_vm(world, order_for(world, instance, tuple(disk.cid for disk in kept)))
    owner = owner_of(instance, vm)
    for disk in kept:
        await disks.attach_disk(world, owner, disk)
    await update_settings(world, vm, instance_uuid=instance.id)
    state = await apply_bare(world, vm, spec)
    vm = _with_learned_addresses(world, vm, state)
    world.store.instances.update_where(
        {"uuid": instance.id},
        cloud_properties=dict(instance.cloud_properties),
        env=dict(instance.env),
        tags=dict(instance.tags),
    )
    return vm


def order_for(world: World, instance: LaidInstance, disk_cids: tuple[str, ...]) -> VmOrder:
    """What to order from the cloud for an instance."""
    return VmOrder(
        agent_id=world.ids.uuid(),
        group=instance.group,
        stemcell=instance.stemcell,
        cpi=instance.cpi,
        cloud_properties=instance.cloud_properties,
        network_settings=instance.network_settings,
        env=instance.env,
        metadata=metadata_of(world, instance),
        instance_uuid=instance.id,
        az=instance.az,
        tags=instance.tags,
        disk_cids=disk_cids,
        temporary=instance.group in world.temporary,
    )


def metadata_of(world: World, instance: LaidInstance) -> dict[str, str]:
    """The VM's names in the cloud's console."""
    return vm_metadata(
        tags=instance.tags,
        director=world.config.name,
        deployment=world.deployment,
        instance_id=instance.id,
        group=instance.group,
        index=instance.index,
        now=world.clock.now(),
    )


def owner_of(instance: LaidInstance, vm: records.Vm) -> Owner:
    """The instance as the owner of disks on its VM."""
    return Owner(instance.id, instance.group, instance.index, vm, instance.az, instance.tags)


def _with_learned_addresses(world: World, vm: records.Vm, state: Mapping[str, Any]) -> records.Vm:
    """Remember what dynamic networks gave the VM."""
    reported: Mapping[str, Any] = state.get("networks") or {}
    settings = with_learned(vm.network_settings, reported)
    if settings != vm.network_settings:
        world.store.vms.update(vm.id, network_settings=settings)
    return replace(vm, network_settings=settings)


def with_learned(settings: Mapping[str, Json], reported: Mapping[str, Any]) -> dict[str, Json]:
    """Network settings with the addresses that an agent reports of dynamic networks."""
    return {name: {**network, **_learned(network, reported.get(name) or {})} for name, network in settings.items()}


def _learned(network: Mapping[str, Json], told: Mapping[str, Any]) -> dict[str, Json]:
    if network.get("type") != "dynamic":
        return {}
    return {key: told[key] for key in ("ip", "netmask", "gateway") if told.get(key)}
