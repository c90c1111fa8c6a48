"""Create one VM: remember it, tell the bus, ask the cloud, name it, wait for its agent (bosh: create_vm_step.rb)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bosh.clients.contract import Cpi
from bosh.clients.cpi import INVALID_RESPONSE
from bosh.clients.cpi_process import NO_ANSWER
from bosh.execution import vm_env
from bosh.execution.concurrency import uninterrupted
from bosh.execution.events import recorded
from bosh.execution.metadata import call_if_implemented
from bosh.execution.steps.delete_vm import delete_vm
from bosh.execution.world import World
from bosh.manifest.model import Json, Properties, StemcellChoice
from bosh.state import records
from bosh.variables.crypt import sha512_crypt
from bosh.wire.errors import BoshError, CloudError, RpcTimeout

UNCERTAIN = frozenset({INVALID_RESPONSE, NO_ANSWER})
"""After these a VM (or a disk) may exist whose name nobody told us: its row stays without a cid, for ``tidy`` to look after."""


@dataclass(frozen=True, slots=True)
class VmOrder:
    """A VM that is wanted. Values may hold ``((variables))``; they are put in just before the cloud is called."""

    agent_id: str
    group: str
    stemcell: StemcellChoice
    cpi: str
    cloud_properties: Properties
    network_settings: Mapping[str, Json]
    env: Properties
    metadata: Mapping[str, str]
    instance_uuid: str = ""
    """Empty for a compilation VM."""
    az: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    disk_cids: tuple[str, ...] = ()
    """Disks that will be attached, so that the cloud can place the VM near them."""
    temporary: bool = False
    """The VM goes when the task that orders it ends."""

    @property
    def name(self) -> str:
        """What events call it."""
        return f"{self.group}/{self.instance_uuid or self.agent_id}"


async def create_vm(world: World, order: VmOrder) -> records.Vm:
    """The VM, its agent answering.

    Raises:
        CloudError: the cloud could not make it, after ``max_vm_create_tries`` where it said that trying again may help.
        RpcTimeout: its agent did not answer within ``agent_wait_timeout_s``; the VM is deleted unless ``keep_unreachable_vms``.
    """
    image = world.image(order.stemcell, order.cpi)
    cloud = world.cloud(order.cpi, api_version=image.api_version)
    row = _remember(world, order, api_version=image.api_version)
    try:
        await world.bus_users()
    except BaseException:
        world.store.vms.delete(agent_id=row.agent_id)
        raise
    try:
        with recorded(world, "create", "vm", instance=order.name) as event:
            row = await uninterrupted(_order(world, order, cloud, image.cid, row))
            event.name = row.cid
    except BoshError as error:
        if not (isinstance(error, CloudError) and error.kind in UNCERTAIN):
            world.store.vms.delete(agent_id=row.agent_id)
        raise
    try:
        await call_if_implemented(cloud, "set_vm_metadata", row.cid, dict(order.metadata))
        await _wait_for_agent(world, row, cloud)
    except BoshError:
        if not world.config.keep_unreachable_vms:
            await _give_up(world, row, order.name)
        raise
    return row


async def _give_up(world: World, row: records.Vm, instance: str) -> None:
    """Delete a VM that is of no use. When the cloud cannot, it stays remembered and the next run tries again."""
    try:
        await uninterrupted(delete_vm(world, row, instance=instance))
    except CloudError as error:
        world.log.notice("warning", f"Could not delete VM '{row.cid}': {error.brief}")


def _remember(world: World, order: VmOrder, *, api_version: int) -> records.Vm:
    return world.store.vms.insert(
        records.Vm(
            agent_id=order.agent_id,
            instance_uuid=order.instance_uuid,
            deployment=world.deployment,
            cpi=order.cpi,
            stemcell_name=order.stemcell.name,
            stemcell_version=order.stemcell.version,
            stemcell_api_version=api_version,
            cloud_properties=dict(order.cloud_properties),
            env=dict(order.env),
            network_settings=dict(order.network_settings),
            created_at=world.clock.now(),
            group=order.group,
            az=order.az,
            temporary=order.temporary,
        )
    )


async def _order(world: World, order: VmOrder, cloud: Cpi, stemcell_cid: str, row: records.Vm) -> records.Vm:
    env = _env(world, order, api_version=row.stemcell_api_version)
    arguments = (
        order.agent_id,
        stemcell_cid,
        world.resolve(order.cloud_properties),
        world.resolve(order.network_settings),
        list(order.disk_cids),
        env,
    )
    cid = _cid(await _with_retries(world, cloud, arguments))
    world.store.vms.update(row.id, cid=cid)
    return replace(row, cid=cid)


async def _with_retries(world: World, cloud: Cpi, arguments: tuple[Any, ...]) -> Any:
    tries = max(1, world.config.max_vm_create_tries)
    for attempt in range(1, tries + 1):
        try:
            return await cloud.call("create_vm", *arguments)
        except CloudError as error:
            if not error.ok_to_retry or attempt == tries:
                raise
            world.debug(f"create_vm failed and may be tried again ({attempt} of {tries}): {error.brief}")
    raise AssertionError("unreachable: the last try returns or raises")


def _cid(answer: Any) -> str:
    """API v2 answers ``[cid, networks]``; a bare cid is tolerated."""
    cid = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(cid, str) or not cid:
        raise CloudError("cannot use the answer to create_vm", details=f"expected [cid, networks], got {answer!r:.200}")
    return cid


def _env(world: World, order: VmOrder, *, api_version: int) -> dict[str, Json]:
    config = world.config
    signed = vm_env.signs_urls(config, api_version)
    password = sha512_crypt(world.ids.uuid(), world.ids.uuid().replace("-", "")) if config.generate_vm_passwords else ""
    return vm_env.complete_env(
        world.resolve(order.env),
        config=config,
        deployment=world.deployment,
        group=order.group,
        tags=order.tags,
        certificate=vm_env.agent_certificate(config.nats, order.agent_id, now=world.clock.now()),
        blobstores=vm_env.blobstores_for(world.blobs.agent_options(), signed_urls=signed),
        password=password,
    )


async def _wait_for_agent(world: World, row: records.Vm, cloud: Cpi) -> None:
    timeout_s = world.config.agent_wait_timeout_s
    try:
        await world.agents.wait_until_ready(row.agent_id, timeout_s=timeout_s)
    except RpcTimeout as error:
        raise RpcTimeout(
            f"Timed out pinging VM '{row.cid}' with agent '{row.agent_id}' after {timeout_s:g} seconds",
            details=await _stage_reached(row, cloud, error),
            resolution="See the VM's console: its agent's log says what it waits for. "
            "Set keep_unreachable_vms to keep such VMs for a look.",
        ) from error


async def _stage_reached(row: records.Vm, cloud: Cpi, error: RpcTimeout) -> str:
    """How far the VM came, as far as can be told from here."""
    try:
        exists = await cloud.call("has_vm", row.cid)
    except CloudError as failure:
        return f"stage reached: created; the cloud cannot say more: {failure.brief}"
    if not exists:
        return "stage reached: created, but the cloud says that it is gone again"
    connected = error.details or "its agent did not answer on the bus"
    return f"stage reached: created, and the cloud says that it exists; {connected}"
