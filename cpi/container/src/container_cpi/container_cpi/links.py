"""Interfaces, addresses and routes through netlink. pyroute2 is imported by the first call that needs it: it costs a quarter second."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from container_cpi import kernel
from container_cpi.networks import Nic

GUARD_METRIC = 4278198272
"""Worse than any route that a person or a daemon would add: the guard wins only where nothing else would carry a packet."""
GUARD_PROTOCOL = 176
"""Marks our guards among the machine's routes (rtnetlink: protocols from 5 on are free to use)."""
_MAIN_TABLE = 254
_UNICAST, _UNREACHABLE = 1, 7
_IPV4 = 2


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table."""

    range: IPv4Network
    device: str
    is_guard: bool


@contextmanager
def netlink() -> Iterator[Any]:
    """A pyroute2 IPRoute in the caller's network namespace."""
    from pyroute2 import IPRoute

    with IPRoute() as connection:
        yield connection


def devices(ip: Any) -> dict[str, int]:
    """Index by name."""
    return {link.get_attr("IFLA_IFNAME"): link["index"] for link in ip.get_links()}


def aliases(ip: Any) -> dict[str, str]:
    """Interface → what its maker wrote on it, empty for most."""
    return {link.get_attr("IFLA_IFNAME"): link.get_attr("IFLA_IFALIAS") or "" for link in ip.get_links()}


def addresses(ip: Any) -> dict[IPv4Interface, str]:
    """The machine's IPv4 addresses and their devices."""
    found = {}
    names = {index: name for name, index in devices(ip).items()}
    for message in ip.get_addr(family=_IPV4):
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        found[IPv4Interface(f"{text}/{message['prefixlen']}")] = names.get(message["index"], "")
    return found


def routes(ip: Any) -> list[Route]:
    """The main table without the default route."""
    names = {index: name for name, index in devices(ip).items()}
    found = []
    for message in ip.get_routes(family=_IPV4, table=_MAIN_TABLE):
        if message["dst_len"]:
            network = IPv4Network(f"{message.get_attr('RTA_DST')}/{message['dst_len']}")
            guard = message["type"] == _UNREACHABLE and message["proto"] == GUARD_PROTOCOL
            found.append(Route(network, names.get(message.get_attr("RTA_OIF"), ""), guard))
    return found


def add_guard(ip: Any, network: IPv4Network) -> None:
    """Packets for addresses of this range that nobody has end here. Idempotent."""
    with _tolerating(errno.EEXIST):
        ip.route("add", **_guard(network))


def remove_guard(ip: Any, network: IPv4Network) -> None:
    with _tolerating(errno.ESRCH, errno.ENOENT):
        ip.route("del", **_guard(network))


def _guard(network: IPv4Network) -> dict[str, Any]:
    return {
        "dst": str(network),
        "type": "unreachable",
        "proto": GUARD_PROTOCOL,
        "priority": GUARD_METRIC,
        "table": _MAIN_TABLE,
    }


def add_bridge(ip: Any, name: str, owner: str) -> int:
    """Make it, or find it; up in any case. ``owner`` is what ``ip link`` shows as its alias."""
    with _tolerating(errno.EEXIST):
        ip.link("add", ifname=name, kind="bridge", address=bridge_mac(name))
    index = devices(ip)[name]
    ip.link("set", index=index, state="up", ifalias=owner)
    # Forwarded ports of the machine's loopback leave through here with a loopback source until the firewall rewrites it.
    Path(f"/proc/sys/net/ipv4/conf/{name}/route_localnet").write_text("1")
    return index


def bridge_mac(name: str) -> str:
    """One that stays: a bridge without its own borrows from its ports, and VMs would lose their gateway when a VM goes."""
    digits = name.removeprefix("bosh-")[:10]
    return "02:" + ":".join(digits[at : at + 2] for at in range(0, 10, 2))


def set_addresses(ip: Any, index: int, present: Sequence[IPv4Interface], wanted: Sequence[IPv4Interface]) -> None:
    for address in set(present) - set(wanted):
        with _tolerating(errno.EADDRNOTAVAIL):
            ip.addr("del", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)
    for address in set(wanted) - set(present):
        with _tolerating(errno.EEXIST):
            ip.addr("add", index=index, address=str(address.ip), prefixlen=address.network.prefixlen)


def remove_device(ip: Any, name: str) -> None:
    """Idempotent."""
    index = devices(ip).get(name)
    if index is not None:
        with _tolerating(errno.ENODEV):
            ip.link("del", index=index)


@contextmanager
def _tolerating(*numbers: int) -> Iterator[None]:
    """Netlink errors that mean that the wish was fulfilled before."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        if error.code not in numbers:
            raise


def make_namespace(path: Path, nics: Sequence[Nic], owner: str) -> None:
    """A network namespace, kept by a mount on ``path``, with its interfaces set up. Raises OSError and NetlinkError."""
    path.touch(mode=0o600)
    kernel.in_thread(lambda: _fill_namespace(path, nics, owner))


def _fill_namespace(path: Path, nics: Sequence[Nic], owner: str) -> None:
    with netlink() as outside:
        kernel.unshare(kernel.CLONE_NEWNET)
        kernel.mount("/proc/thread-self/ns/net", path, "none", kernel.MS_BIND)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            bridges = devices(outside)
            for nic in nics:
                _add_pair(outside, nic, bridges[nic.subnet.bridge], descriptor, owner)
        finally:
            os.close(descriptor)
    with netlink() as inside:
        _set_up(inside, nics)


def _add_pair(ip: Any, nic: Nic, bridge: int, namespace: int, owner: str) -> None:
    peer = {"ifname": nic.device, "net_ns_fd": namespace, "address": nic.mac}
    ip.link("add", ifname=nic.host_device, kind="veth", peer=peer)
    ip.link("set", index=ip.link_lookup(ifname=nic.host_device)[0], master=bridge, state="up", ifalias=owner)


def _set_up(ip: Any, nics: Sequence[Nic]) -> None:
    inside = devices(ip)
    ip.link("set", index=inside["lo"], state="up")
    for nic in nics:
        index = inside[nic.device]
        ip.addr("add", index=index, address=str(nic.address.ip), prefixlen=nic.address.network.prefixlen)
        ip.link("set", index=index, state="up")
        if nic.default_route:
            ip.route("add", dst="default", gateway=str(nic.subnet.gateway), oif=index)


def drop_namespace(path: Path, nics: Sequence[Nic]) -> None:
    """Idempotent. The host's ends of the pairs go first: the kernel takes its time over a namespace."""
    with netlink() as ip:
        for nic in nics:
            remove_device(ip, nic.host_device)
    kernel.unmount(path)
    path.unlink(missing_ok=True)
