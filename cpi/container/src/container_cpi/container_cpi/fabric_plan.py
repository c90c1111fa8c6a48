"""What the machine's network must look like for the VMs there are. Pure: records in, a value out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, collapse_addresses
from itertools import pairwise

from cpi_kit.errors import CloudFailed

from container_cpi.config import Config
from container_cpi.firewall import Inbound, render
from container_cpi.networks import Connection, Subnet


@dataclass(frozen=True, slots=True)
class Fabric:
    """Bridges with their addresses, ranges guarded by an unreachable route, the firewall's text (empty: no table)."""

    bridges: dict[str, frozenset[IPv4Interface]]
    guards: frozenset[IPv4Network]
    firewall: str


EMPTY = Fabric({}, frozenset(), "")


def plan_fabric(config: Config, connections: Iterable[Connection]) -> Fabric:
    """Raises CloudFailed when two subnets overlap."""
    connected = list(connections)
    subnets = _subnets(connected)
    if not subnets:
        return EMPTY
    guards = frozenset(_guard(config, subnet.range) for subnet in subnets)
    ranges = list(collapse_addresses(guards))
    inbound = [_inbound(connection) for connection in connected if connection.forwards or connection.vips]
    return Fabric(_bridges(subnets, connected), guards, render(table_name(config), ranges, subnets, inbound))


def table_name(config: Config) -> str:
    return f"bosh_{config.id}"


def _subnets(connections: Sequence[Connection]) -> list[Subnet]:
    by_range: dict[IPv4Network, Subnet] = {}
    for connection in connections:
        for nic in connection.nics:
            by_range[nic.subnet.range] = nic.subnet
    ordered = sorted(by_range)
    for lower, upper in pairwise(ordered):
        if lower.overlaps(upper):
            raise CloudFailed(
                f"cannot have both subnet {lower} and subnet {upper}",
                details="they overlap",
                resolution="Give the networks of the cloud config separate ranges.",
            )
    return [by_range[key] for key in ordered]


def _guard(config: Config, subnet: IPv4Network) -> IPv4Network:
    """The configured range around a subnet, or the subnet itself."""
    return next((around for around in config.ranges if subnet.subnet_of(around)), subnet)


def _bridges(subnets: Sequence[Subnet], connections: Sequence[Connection]) -> dict[str, frozenset[IPv4Interface]]:
    """A bridge has every gateway that a VM was told, and the vips of its VMs: an address of this machine never leaves it."""
    addresses: dict[str, set[IPv4Interface]] = {subnet.bridge: set() for subnet in subnets}
    for connection in connections:
        for nic in connection.nics:
            if nic.subnet.gateway is not None:
                addresses[nic.subnet.bridge].add(IPv4Interface(f"{nic.subnet.gateway}/{nic.subnet.range.prefixlen}"))
        for vip in connection.vips:
            addresses[connection.nics[0].subnet.bridge].add(IPv4Interface(f"{vip}/32"))
    return {bridge: frozenset(found) for bridge, found in addresses.items()}


def _inbound(connection: Connection) -> Inbound:
    ip = connection.ip or IPv4Address(0)
    return Inbound(ip, connection.forwards, connection.vips)
