"""VMs to compile on: as many as are borrowed at a time, each for one stemcell, reused where the cloud config says so (bosh: compilation_instance_pool.rb)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from bosh.execution.concurrency import for_each, uninterrupted
from bosh.execution.metadata import call_if_implemented, vm_metadata
from bosh.execution.steps.apply_spec import apply_bare, update_settings
from bosh.execution.steps.create_vm import VmOrder, create_vm
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.world import World
from bosh.manifest.model import Compilation, Json, Network, StemcellChoice, Subnet
from bosh.plan.addresses import AddressBook, key_of
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.wire.errors import BadManifest, CloudError, NetworkReservationNotEnoughCapacity

_ADDRESS_TRIES = 20


@dataclass(frozen=True, slots=True)
class Workshop:
    """A VM to compile on, and what the cloud's console calls it."""

    vm: records.Vm
    metadata: Mapping[str, str]


class Workshops:
    """Lends VMs; the borrowers keep to ``workers`` at a time. ``close`` deletes those still there."""

    def __init__(self, world: World, compilation: Compilation) -> None:
        self._world = world
        self._compilation = compilation
        self._free: dict[tuple[str, str], list[Workshop]] = defaultdict(list)
        self._alive = 0

    @asynccontextmanager
    async def lend(self, stemcell: StemcellChoice) -> AsyncIterator[Workshop]:
        """A VM of this stemcell. One that was used when something failed is not used again."""
        workshop = await self._take(stemcell)
        try:
            yield workshop
        except BaseException:
            await uninterrupted(self._remove(workshop))
            raise
        if self._compilation.reuse_compilation_vms:
            self._free[_key(stemcell)].append(workshop)
        else:
            await self._remove(workshop)

    async def close(self) -> None:
        """Delete all that are left, also when cancelled."""
        left = [workshop for ones in self._free.values() for workshop in ones]
        self._free.clear()
        await uninterrupted(for_each(left, self._remove, at_once=self._compilation.workers))

    async def _take(self, stemcell: StemcellChoice) -> Workshop:
        free = self._free[_key(stemcell)]
        if free:
            return free.pop()
        await self._make_room(stemcell)
        return await self._create(stemcell)

    async def _make_room(self, stemcell: StemcellChoice) -> None:
        """Idle VMs of other stemcells count as workers: one goes for each that comes when all are there."""
        idle = [ones for key, ones in self._free.items() if key != _key(stemcell) and ones]
        if idle and self._alive >= self._compilation.workers:
            await self._remove(idle[0].pop())

    async def _create(self, stemcell: StemcellChoice) -> Workshop:
        world, wanted = self._world, self._compilation
        agent_id, instance_id = world.ids.uuid(), world.ids.uuid()
        group = f"compilation-{instance_id}"
        network = world.networks.get(wanted.network)
        if network is None:
            raise BadManifest(f"Compilation config references an unknown network: '{wanted.network}'", code=120001)
        az = world.desired.azs.get(wanted.az) if world.desired else None
        cpi = az.cpi if az else ""
        metadata = vm_metadata(
            tags=world.desired.tags if world.desired else {},
            director=world.config.name,
            deployment=world.deployment,
            instance_id=instance_id,
            group=group,
            index=0,
            now=world.clock.now(),
        )
        order = VmOrder(
            agent_id=agent_id,
            group=group,
            stemcell=stemcell,
            cpi=cpi,
            cloud_properties={**(az.cloud_properties if az else {}), **await self._vm_properties(cpi)},
            network_settings=self._address(network, agent_id),
            env=wanted.env,
            metadata=metadata,
            az=wanted.az,
            tags=world.desired.tags if world.desired else {},
        )
        try:
            vm = await create_vm(world, order)
        except BaseException:
            if world.store.vms.get(agent_id=agent_id) is None:
                world.store.ips.delete(agent_id=agent_id)
            raise
        self._alive += 1
        workshop = Workshop(vm, metadata)
        try:
            await update_settings(world, vm)
            await apply_bare(world, vm, _bare_spec(world.deployment, group, instance_id, order.network_settings))
        except BaseException:
            await uninterrupted(self._remove(workshop))
            raise
        return workshop

    async def _vm_properties(self, cpi: str) -> Mapping[str, Json]:
        vm = self._compilation.vm
        if not vm.vm_resources:
            return vm.cloud_properties
        found = await self._world.cloud(cpi).call("calculate_vm_cloud_properties", dict(vm.vm_resources))
        return {**found, **vm.cloud_properties}

    def _address(self, network: Network, agent_id: str) -> dict[str, Json]:
        """Reserve an address for the VM; its network settings."""
        subnets = [one for one in network.subnets if not one.azs or self._compilation.az in one.azs]
        if network.type == "dynamic":
            chosen = subnets[0] if subnets else Subnet()
            return {network.name: _dynamic_settings(network, chosen)}
        for _attempt in range(_ADDRESS_TRIES):
            taken = {row.ip: row.instance_uuid or row.agent_id for row in self._world.store.ips.list()}
            book = AddressBook({network.name: network}, taken)
            ip = book.lowest_free(network.name, self._compilation.az, agent_id)
            if not ip:
                break
            row = records.IpAddress(ip, network.name, self._world.deployment, agent_id=agent_id)
            try:
                self._world.store.ips.insert(row)
            except Conflict:
                continue  # another deployment was quicker
            return {network.name: _manual_settings(network, book, ip)}
        raise NetworkReservationNotEnoughCapacity(
            f"Failed to reserve IP for a compilation VM for manual network '{network.name}': no more available"
        )

    async def _remove(self, workshop: Workshop) -> None:
        world = self._world
        self._alive -= 1
        try:
            await delete_vm(world, workshop.vm, instance=f"{workshop.vm.group}/{workshop.vm.agent_id}")
        except CloudError as error:
            world.store.vms.update(workshop.vm.id, active=False, orphaned_at=world.clock.now())
            world.log.notice("warning", f"Could not delete compilation VM '{workshop.vm.cid}': {error.brief}")


async def tell_package(world: World, workshop: Workshop, package: str) -> None:
    """Show in the cloud's console what the VM compiles."""
    cloud = world.cloud(workshop.vm.cpi)
    await call_if_implemented(cloud, "set_vm_metadata", workshop.vm.cid, {**workshop.metadata, "compiling": package})


def _key(stemcell: StemcellChoice) -> tuple[str, str]:
    return stemcell.os, stemcell.version


def _bare_spec(deployment: str, group: str, instance_id: str, networks: Mapping[str, Json]) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "job": {"name": group},
        "index": 0,
        "id": instance_id,
        "networks": dict(networks),
    }


def _manual_settings(network: Network, book: AddressBook, ip: str) -> dict[str, Json]:
    space = book.space_of(network.name, key_of(ip))
    subnet = space.subnet if space else Subnet()
    settings: dict[str, Json] = {
        "type": "manual",
        "ip": ip,
        "prefix": "128" if ":" in ip else "32",
        "netmask": str(ip_network(subnet.range, strict=False).netmask),
        "cloud_properties": dict(subnet.cloud_properties),
        "default": ["dns", "gateway"],
    }
    if dns := subnet.dns or network.dns:
        settings["dns"] = list(dns)
    if subnet.gateway:
        settings["gateway"] = subnet.gateway
    return settings


def _dynamic_settings(network: Network, subnet: Subnet) -> dict[str, Json]:
    settings: dict[str, Json] = {
        "type": "dynamic",
        "cloud_properties": dict(subnet.cloud_properties or network.cloud_properties),
        "default": ["dns", "gateway"],
    }
    if dns := subnet.dns or network.dns:
        settings["dns"] = list(dns)
    return settings
