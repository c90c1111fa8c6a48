"""What exists of a deployment: the director's memory and the agents' answers → ``Current``."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from bosh.clients.contract import Agents
from bosh.inventory.dns_ids import read_dns_ids
from bosh.manifest.model import Catalog
from bosh.plan.model import (
    Current,
    CurrentDisk,
    CurrentInstance,
    CurrentVm,
    InstanceState,
    Reservation,
    SharedProvider,
)
from bosh.state import records
from bosh.state.contract import Store
from bosh.wire.errors import RpcRemoteException, RpcTimeout

ANSWER_TIMEOUT_S = 10.0
"""How long all agents together may take to say how they are. The original waits 3 × 45 s for each silent one; an agent that lives
answers in milliseconds, and one that does not answer in ten seconds will not carry out a deploy either."""

R = TypeVar("R", records.Vm, records.Disk, records.IpAddress)


async def read_current(
    store: Store,
    agents: Agents,
    *,
    deployment: str,
    catalog: Catalog,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
) -> Current:
    """A frozen picture of the deployment; agents that stay silent are noted as not responsive.

    Args:
        answer_timeout_s: shared by all agents, asked at the same time.
    """
    vms = [vm for vm in store.vms.list(deployment=deployment, active=True) if vm.cid and vm.instance_uuid]
    states = await ask_states(agents, [vm.agent_id for vm in vms], timeout_s=answer_timeout_s)
    return remembered(store, deployment=deployment, catalog=catalog, states=states)


async def ask_states(agents: Agents, agent_ids: Sequence[str], *, timeout_s: float) -> dict[str, Mapping[str, Any]]:
    """``get_state`` of many agents at once; those that do not answer are missing from the result."""
    answers = await asyncio.gather(*(_state(agents, agent_id, timeout_s) for agent_id in agent_ids))
    return {agent_id: state for agent_id, state in zip(agent_ids, answers, strict=True) if state is not None}


async def _state(agents: Agents, agent_id: str, timeout_s: float) -> Mapping[str, Any] | None:
    try:
        state = await agents.call(agent_id, "get_state", timeout_s=timeout_s)
    except (RpcTimeout, RpcRemoteException):
        return None
    return state if isinstance(state, Mapping) else None


def remembered(
    store: Store, *, deployment: str, catalog: Catalog, states: Mapping[str, Mapping[str, Any]] | None = None
) -> Current:
    """The picture without asking anyone. ``states`` None: every VM counts as responsive."""
    row = store.deployments.get(name=deployment)
    instances = store.instances.list(deployment=deployment)
    vms = {vm.instance_uuid: vm for vm in store.vms.list(deployment=deployment, active=True) if vm.cid}
    disks = _by_instance(disk for disk in store.disks.list(deployment=deployment, orphaned_at=None) if disk.cid)
    addresses = store.ips.list()
    ours = _by_instance(ip for ip in addresses if ip.deployment == deployment and not ip.agent_id)
    return Current(
        deployment=deployment,
        exists=row is not None and bool(row.manifest),
        catalog=catalog,
        instances=tuple(
            _instance(one, vms.get(one.uuid), disks.get(one.uuid, ()), ours.get(one.uuid, ()), states)
            for one in instances
        ),
        taken_addresses={
            ip.ip: _owner(ip)
            for ip in addresses
            if ip.kind != "dynamic" and (ip.deployment != deployment or ip.agent_id)
        },
        shared_providers=tuple(
            provider
            for other in store.deployments.list()
            if other.name != deployment
            for provider in providers_of(other)
            if provider.shared
        ),
        dns_ids=read_dns_ids(store),
    )


def providers_of(row: records.Deployment) -> tuple[SharedProvider, ...]:
    """The links a deployment provided when it last succeeded."""
    return tuple(SharedProvider(**{**entry, "aliases": tuple(entry.get("aliases") or ())}) for entry in row.providers)


def _by_instance(rows: Iterable[R]) -> dict[str, list[R]]:
    grouped: dict[str, list[R]] = defaultdict(list)
    for row in rows:
        grouped[row.instance_uuid].append(row)
    return grouped


def _owner(ip: records.IpAddress) -> str:
    if ip.agent_id:
        return f"VM with agent '{ip.agent_id}' of deployment '{ip.deployment}'"
    return f"instance '{ip.instance_uuid}' of deployment '{ip.deployment}'"


def _instance(
    row: records.Instance,
    vm: records.Vm | None,
    disks: Sequence[records.Disk],
    addresses: Sequence[records.IpAddress],
    states: Mapping[str, Mapping[str, Any]] | None,
) -> CurrentInstance:
    return CurrentInstance(
        id=row.uuid,
        group=row.group,
        index=row.index,
        az=row.az,
        bootstrap=row.bootstrap,
        state=cast("InstanceState", row.state),
        vm=current_vm(vm, states) if vm else None,
        disks=tuple(
            CurrentDisk(disk.cid, disk.size_mb, disk.cloud_properties, disk.name, disk.active) for disk in disks
        ),
        reservations=(
            *(Reservation(ip.network, ip.ip, cast("Any", ip.kind)) for ip in addresses),
            *_dynamic_reservations(vm.network_settings if vm else row.spec.get("networks") or {}),
        ),
        spec=row.spec,
        lifecycle=cast("Any", row.lifecycle),
        dirty=row.dirty,
        ignored=row.ignored,
        tags=row.tags,
    )


def _dynamic_reservations(networks: Mapping[str, Any]) -> list[Reservation]:
    """Addresses that a cloud gave; they are no rows of ours, for no one else can be refused them."""
    return [
        Reservation(name, str(settings.get("ip") or ""), "dynamic")
        for name, settings in networks.items()
        if settings.get("type") == "dynamic"
    ]


def current_vm(vm: records.Vm, states: Mapping[str, Mapping[str, Any]] | None) -> CurrentVm:
    """A stored VM and what its agent said."""
    state = states.get(vm.agent_id) if states is not None else {}
    return CurrentVm(
        cid=vm.cid,
        agent_id=vm.agent_id,
        cpi=vm.cpi,
        stemcell_name=vm.stemcell_name,
        stemcell_version=vm.stemcell_version,
        cloud_properties=vm.cloud_properties,
        env=vm.env,
        network_settings=vm.network_settings,
        created_at=vm.created_at.strftime("%Y-%m-%dT%H:%M:%SZ") if vm.created_at else "",
        responsive=state is not None,
        job_state=str((state or {}).get("job_state") or ""),
        trusted_certs_sha1=vm.trusted_certs_sha1,
        blobstore_config_sha1=vm.blobstore_config_sha1,
        nats_config_sha1=vm.nats_config_sha1,
    )
