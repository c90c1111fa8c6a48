"""Networks that the director wishes for: a range out of ``managed_range``. The bridge comes with the first VM and goes with the last."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cpi_kit.errors import CloudFailed
from cpi_kit.files import new_cid, safe_cid
from cpi_kit.interfaces import NetworkCid, Properties

from container_cpi.config import Config
from container_cpi.networks import Connection
from container_cpi.records import ManagedNetwork, Records

DEFAULT_NETMASK_BITS = 24


def create_network(
    config: Config, records: Records, definition: Properties
) -> tuple[NetworkCid, dict[str, Any], dict[str, Any]]:
    """Raises CloudFailed."""
    with records.lock("network"):
        used = [network.range for network in records.managed_networks()]
        used += [nic.subnet.range for vm in records.vms() for nic in vm.connection.nics]
        chosen = choose_range(config, definition, used)
        gateway = _gateway(definition, chosen)
        network = ManagedNetwork(new_cid("network"), chosen, gateway)
        records.save_network(network)
    properties = {"name": network.cid, **(definition.get("cloud_properties") or {})}
    return NetworkCid(network.cid), {"range": str(chosen), "gateway": str(gateway), "reserved": []}, properties


def choose_range(config: Config, definition: Properties, used: list[IPv4Network]) -> IPv4Network:
    """The wished range, or the first free one of the wished size. Raises CloudFailed."""
    try:
        if definition.get("range"):
            wished = IPv4Network(definition["range"])
            if any(wished.overlaps(other) for other in used):
                raise CloudFailed(f"cannot create network {wished}", details="another network overlaps it")
            return wished
        bits = int(definition.get("netmask_bits") or DEFAULT_NETMASK_BITS)
        candidates = config.managed_range.subnets(new_prefix=bits)
        free = next((item for item in candidates if not any(item.overlaps(other) for other in used)), None)
    except (TypeError, ValueError) as error:
        raise CloudFailed("cannot create a network", details=str(error)) from error
    if free is None:
        raise CloudFailed(f"cannot create a network of /{bits}", details=f"{config.managed_range} is used up")
    return free


def _gateway(definition: Properties, chosen: IPv4Network) -> IPv4Address:
    try:
        gateway = IPv4Address(definition.get("gateway") or chosen[1])
    except (ValueError, IndexError) as error:
        raise CloudFailed(f"cannot create network {chosen}", details=str(error)) from error
    if gateway not in chosen:
        raise CloudFailed(f"cannot create network {chosen}", details=f"gateway {gateway} lies outside")
    return gateway


def delete_network(records: Records, cid: str) -> None:
    """Idempotent. Raises CloudFailed while VMs are connected."""
    with records.lock("network"):
        network = next((item for item in records.managed_networks() if item.cid == cid), None)
        if network is None or not safe_cid(cid):
            return
        users = [vm.cid for vm in records.vms() if _uses(vm.connection, network.range)]
        if users:
            raise CloudFailed(f"cannot delete network {cid}", details=f"used by {', '.join(users)}")
        records.forget("networks", cid)


def _uses(connection: Connection, wanted: IPv4Network) -> bool:
    return any(nic.subnet.range == wanted for nic in connection.nics)
