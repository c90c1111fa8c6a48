"""From a director's ``networks`` to what a VM is connected with. Pure: the caller says which addresses are taken.

Every subnet is a bridge with the gateway's address; every network of a VM but a vip is an interface on one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from cpi_kit.errors import CloudFailed, NotSupported
from cpi_kit.interfaces import Networks

from container_cpi.config import Config


@dataclass(frozen=True, slots=True)
class Subnet:
    """A bridge's worth of addresses."""

    bridge: str
    range: IPv4Network
    gateway: IPv4Address | None
    outbound: bool = True
    """Whether VMs may reach beyond this machine, behind its address."""


@dataclass(frozen=True, slots=True)
class Nic:
    """One interface of a VM."""

    network: str
    device: str
    host_device: str
    mac: str
    address: IPv4Interface
    subnet: Subnet
    default_route: bool


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of this machine that leads to a port of the VM (warden CPI: ``ports`` of VM cloud properties)."""

    protocol: str
    host: int
    container: int


@dataclass(frozen=True, slots=True)
class Connection:
    """All of one VM's networking."""

    nics: tuple[Nic, ...]
    vips: tuple[IPv4Address, ...]
    dns: tuple[str, ...]
    forwards: tuple[Forward, ...]

    @property
    def ip(self) -> IPv4Address | None:
        """Where ports and vips lead: the interface with the default route, else the first."""
        ordered = sorted(self.nics, key=lambda nic: not nic.default_route)
        return ordered[0].address.ip if ordered else None


def connect(
    config: Config, networks: Networks, cloud_properties: Mapping[str, Any], *, taken: Collection[str], seed: str
) -> Connection:
    """Decide a VM's connection.

    Args:
        taken: addresses of other VMs, as text.
        seed: fresh text (32 hexadecimal digits) from which device names and MACs are made.

    Raises:
        CloudFailed: a network cannot be used as described, or an address is taken.
        NotSupported: IPv6, network types that are unknown.
    """
    wired = {name: network for name, network in networks.items() if network.get("type") != "vip"}
    if not wired:
        raise CloudFailed("cannot connect a VM without a manual or dynamic network")
    default = _default_network(wired, "gateway")
    nics: list[Nic] = []
    for name, network in wired.items():
        used = {*taken, *(str(nic.address.ip) for nic in nics)}
        address, subnet = _address(config, name, network, used)
        index = len(nics)
        nics.append(
            Nic(
                network=name,
                device=f"eth{index}",
                host_device=f"v{seed[:11]}{index:x}",
                mac=_mac(seed, index),
                address=address,
                subnet=subnet,
                default_route=name == default and subnet.gateway is not None,
            )
        )
    vips = tuple(_vip(name, network, taken) for name, network in networks.items() if network.get("type") == "vip")
    return Connection(tuple(nics), vips, _dns(config, wired), _forwards(cloud_properties))


def _default_network(networks: Networks, what: str) -> str:
    """The network that the director chose for ``what``, else the first."""
    chosen = [name for name, network in networks.items() if what in (network.get("default") or ())]
    return chosen[0] if chosen else next(iter(networks))


def _address(
    config: Config, name: str, network: Mapping[str, Any], taken: Collection[str]
) -> tuple[IPv4Interface, Subnet]:
    kind = network.get("type") or "manual"
    properties = network.get("cloud_properties") or {}
    try:
        if kind == "manual":
            address, gateway = _manual(network)
        elif kind == "dynamic":
            address, gateway = _dynamic(IPv4Network(properties.get("range") or config.dynamic_range), taken)
        else:
            raise NotSupported(f"cannot connect network {name}: type {kind!r} is unknown")
    except ValueError as error:
        raise CloudFailed(f"cannot connect network {name}", details=str(error)) from error
    if str(address.ip) in taken:
        raise CloudFailed(
            f"cannot connect network {name}", details=f"address {address.ip} belongs to another VM or the machine"
        )
    if gateway is not None and (gateway not in address.network or gateway == address.ip):
        raise CloudFailed(
            f"cannot connect network {name}",
            details=f"{gateway} cannot be the gateway of {address.ip} in {address.network}",
        )
    bridge = bridge_name(config, address.network)
    return address, Subnet(bridge, address.network, gateway, properties.get("outbound") is not False)


def _manual(network: Mapping[str, Any]) -> tuple[IPv4Interface, IPv4Address | None]:
    ip = str(network.get("ip") or "")
    if ":" in ip:
        raise NotSupported(f"cannot use {ip}: container VMs have IPv4 addresses only")
    mask = network.get("netmask") or network.get("prefix")
    if not mask:
        raise ValueError("it has no netmask")
    address = IPv4Interface(f"{ip}/{mask}")
    return address, IPv4Address(network["gateway"]) if network.get("gateway") else None


def _dynamic(pool: IPv4Network, taken: Collection[str]) -> tuple[IPv4Interface, IPv4Address]:
    """The gateway is the first address; the lowest free one after it is the VM's."""
    hosts = pool.hosts()
    gateway = next(hosts)
    free = next((host for host in hosts if str(host) not in taken), None)
    if free is None:
        raise ValueError(f"no free address is left in {pool}")
    return IPv4Interface(f"{free}/{pool.prefixlen}"), gateway


def bridge_name(config: Config, subnet: IPv4Network) -> str:
    """``bosh-`` and ten digits: what an interface's name has room for (15 characters)."""
    return f"bosh-{hashlib.sha256(f'{config.id} {subnet}'.encode()).hexdigest()[:10]}"


def _mac(seed: str, index: int) -> str:
    """Locally administered, unicast."""
    digits = f"{seed[:8]}{index:02x}"
    return "02:" + ":".join(digits[at : at + 2] for at in range(0, 10, 2))


def _vip(name: str, network: Mapping[str, Any], taken: Collection[str]) -> IPv4Address:
    try:
        address = IPv4Address(str(network.get("ip") or ""))
    except ValueError as error:
        raise CloudFailed(f"cannot connect network {name}", details=str(error)) from error
    if str(address) in taken:
        raise CloudFailed(
            f"cannot connect network {name}", details=f"address {address} belongs to another VM or the machine"
        )
    return address


def _dns(config: Config, networks: Networks) -> tuple[str, ...]:
    chosen = networks[_default_network(networks, "dns")].get("dns") or config.dns
    return tuple(str(server) for server in chosen)


def _forwards(cloud_properties: Mapping[str, Any]) -> tuple[Forward, ...]:
    return tuple(_forward(port) for port in cloud_properties.get("ports") or ())


def _forward(port: Any) -> Forward:
    """Raises CloudFailed."""
    try:
        forward = Forward(
            str(port.get("protocol") or "tcp"), int(port["host"]), int(port.get("container") or port["host"])
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CloudFailed(f"cannot forward port {port!r}", resolution="Give host, container and protocol.") from error
    in_range = all(0 < number < 65536 for number in (forward.host, forward.container))
    if forward.protocol not in {"tcp", "udp"} or not in_range:
        raise CloudFailed(f"cannot forward port {port!r}", resolution="Use tcp or udp and numbers from 1 to 65535.")
    return forward


def as_settings(networks: Networks, connection: Connection) -> dict[str, dict[str, Any]]:
    """The networks as they came to be: what create_vm returns and the agent reads."""
    nics = {nic.network: nic for nic in connection.nics}
    return {name: _as_setting(network, nics.get(name)) for name, network in networks.items()}


def _as_setting(network: Mapping[str, Any], nic: Nic | None) -> dict[str, Any]:
    """``preconfigured`` keeps the agent from setting up an interface that is set up (bosh-agent: platform/net/ubuntu_net_manager.go)."""
    if nic is None:
        return dict(network)
    made = {
        "ip": str(nic.address.ip),
        "netmask": str(nic.address.netmask),
        "mac": nic.mac,
        "preconfigured": True,
    }
    gateway = {"gateway": str(nic.subnet.gateway)} if nic.subnet.gateway else {}
    return {**network, **made, **gateway}
