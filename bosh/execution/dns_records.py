"""The name service's records: a blob of all instances of all deployments, and telling agents of it (bosh: dns_updater, agent_broadcaster)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from bosh.execution import vm_env
from bosh.execution.world import World
from bosh.inventory.current import providers_of
from bosh.inventory.dns_ids import read_dns_ids
from bosh.plan.dns import NamedInstance, blob
from bosh.plan.model import DnsIds, SharedProvider
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.wire.errors import RpcRemoteException, RpcTimeout

SYNC_TIMEOUT_S = 10.0
"""As the original: an agent that does not answer by then gets the next version."""

OTHERS_TIMEOUT_S = 2.0
"""For agents of other deployments: a dead one there must not make every deploy slow."""

_VERSION_TRIES = 10


async def publish_dns(world: World, *, providers: Iterable[SharedProvider] = ()) -> bool:
    """Store the records as they are now, if they have changed, and tell all agents; whether anything was new.

    Args:
        providers: links that this deployment offers from now on; those of other deployments are remembered.
    """
    mine = tuple(providers)
    news = False
    for _attempt in range(_VERSION_TRIES):
        if not await _publish_once(world, mine):
            break
        news = True  # what another deployment changed meanwhile would be lost in ours: look once more
    return news


async def _publish_once(world: World, providers: tuple[SharedProvider, ...]) -> bool:
    content = _content(world, providers)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    if _newest(world) is not None and (world.store.attributes.get(name=_DIGEST) or _NONE).value == digest:
        return False
    row = await _store(world, content)
    _remember_digest(world, digest)
    await tell_agents(world, row)
    return True


_DIGEST = "dns_records_digest"
_NONE = records.DirectorAttribute("", "")


def _newest(world: World) -> records.DnsBlob | None:
    rows = world.store.dns_blobs.list(newest_first=True, limit=1)
    return rows[0] if rows else None


def _remember_digest(world: World, digest: str) -> None:
    attributes = world.store.attributes
    if attributes.update_where({"name": _DIGEST}, value=digest):
        return
    try:
        attributes.insert(records.DirectorAttribute(_DIGEST, digest))
    except Conflict:  # another deployment's first records, a moment ago
        attributes.update_where({"name": _DIGEST}, value=digest)


def _content(world: World, providers: tuple[SharedProvider, ...]) -> dict[str, Any]:
    """The blob's body for version 0."""
    ids = read_dns_ids(world.store)
    return blob(named_instances(world, ids), ids, version=0, aliases=aliases(world, ids, providers))


def named_instances(world: World, ids: DnsIds) -> list[NamedInstance]:
    """Every instance with a VM, of every deployment."""
    vms = {vm.instance_uuid: vm for vm in world.store.vms.list(active=True) if vm.cid and vm.instance_uuid}
    return [
        NamedInstance(
            id=row.uuid,
            group=row.group,
            index=row.index,
            az=row.az,
            deployment=row.deployment,
            agent_id=vms[row.uuid].agent_id,
            addresses={
                name: str(settings["ip"])
                for name, settings in vms[row.uuid].network_settings.items()
                if settings.get("ip") and name in ids.networks
            },
            link_groups=tuple(row.spec.get("link_groups") or ()),
            domain=world.config.dns_domain,
        )
        for row in world.store.instances.list()
        if row.uuid in vms and row.uuid in ids.instances and (not row.az or row.az in ids.azs)
    ]


def aliases(world: World, ids: DnsIds, providers: Iterable[SharedProvider]) -> dict[str, list[Mapping[str, Any]]]:
    """Aliases that links declare: domain → targets (bosh: local_dns_aliases)."""
    mine = tuple(providers)
    others = [
        provider
        for row in world.store.deployments.list()
        if row.name != world.deployment or not mine
        for provider in providers_of(row)
    ]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for provider in (*mine, *others):
        key = ("link", f"{provider.name}-{provider.type}", provider.deployment)
        for alias in provider.aliases:
            if key in ids.groups:
                found.setdefault(str(alias["domain"]), []).append(
                    {
                        "root_domain": world.config.dns_domain,
                        "group_id": str(ids.groups[key]),
                        "health_filter": alias.get("health_filter"),
                        "initial_health_check": alias.get("initial_health_check"),
                        "placeholder_type": alias.get("placeholder_type"),
                    }
                )
    return found


async def _store(world: World, content: Mapping[str, Any]) -> records.DnsBlob:
    """Store under the next version; two deployments may want the same one at once."""
    for _attempt in range(_VERSION_TRIES):
        newest = _newest(world)
        version = (newest.version if newest else 0) + 1
        ref = await world.blobs.put_bytes(json.dumps({**content, "version": version}).encode())
        try:
            return world.store.dns_blobs.insert(records.DnsBlob(ref.id, ref.sha1, version, world.clock.now()))
        except Conflict:
            await world.blobs.delete(ref.id)
    raise Conflict("dns_blobs: the version number is always taken")


async def tell_agents(world: World, row: records.DnsBlob) -> int:
    """Tell every agent of every deployment; how many took it. Those that do not answer are not waited for long."""
    vms = [vm for vm in world.store.vms.list(active=True) if vm.cid and vm.instance_uuid]
    taken = await asyncio.gather(*(_tell(world, vm, row) for vm in vms))
    silent = len(vms) - sum(taken)
    if silent:
        world.debug(f"{silent} agents did not take DNS records version {row.version}")
    return sum(taken)


async def _tell(world: World, vm: records.Vm, row: records.DnsBlob) -> bool:
    method: str = "sync_dns"
    arguments: tuple[Any, ...] = (row.blobstore_id, row.sha1, row.version)
    if vm_env.signs_urls(world.config, vm.stemcell_api_version):
        request = {
            "signed_url": world.blobs.signed_get_url(row.blobstore_id),
            "multi_digest": row.sha1,
            "version": row.version,
        }
        method, arguments = "sync_dns_with_signed_url", (request,)
    timeout_s = SYNC_TIMEOUT_S if vm.deployment == world.deployment else OTHERS_TIMEOUT_S
    try:
        await world.agents.call(vm.agent_id, method, *arguments, timeout_s=timeout_s)
    except (RpcTimeout, RpcRemoteException):
        return False
    return True
