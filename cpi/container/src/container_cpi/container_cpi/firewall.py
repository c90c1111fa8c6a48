"""What may pass between VMs, this machine and the world, as one nftables table. Pure text, replaced whole in one transaction.

VMs of one machine reach each other and the machine. Beyond it they get only where their subnet is ``outbound``, behind the machine's
address. Nothing outside gets in but through forwarded ports and vips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from container_cpi.networks import Forward, Subnet


@dataclass(frozen=True, slots=True)
class Inbound:
    """One VM's doors."""

    ip: IPv4Address
    forwards: tuple[Forward, ...] = ()
    vips: tuple[IPv4Address, ...] = ()


def render(table: str, ranges: Sequence[IPv4Network], subnets: Sequence[Subnet], inbound: Iterable[Inbound]) -> str:
    """The ruleset, replacing the table's former content."""
    doors = sorted(inbound, key=lambda door: door.ip)
    destinations = [line for door in doors for line in _door(door)]
    return "\n".join(
        [
            f"table ip {table} {{ }}",
            f"delete table ip {table}",
            f"table ip {table} {{",
            *_chain("prerouting", "nat", "prerouting", "dstnat", destinations),
            *_chain("output", "nat", "output", "-100", destinations),
            *_chain("postrouting", "nat", "postrouting", "srcnat", _masquerades(ranges, subnets)),
            *_chain("local", "filter", "prerouting", "raw", _no_strangers_to_loopback(subnets)),
            *_chain("forward", "filter", "forward", "filter", _forward_rules(subnets)),
            "}",
            "",
        ]
    )


def _chain(name: str, kind: str, hook: str, priority: str, rules: Sequence[str]) -> list[str]:
    head = f"    type {kind} hook {hook} priority {priority}; policy accept;"
    return [f"  chain {name} {{", head, *(f"    {rule}" for rule in rules), "  }"]


def _set(items: Iterable[object]) -> str:
    return "{ " + ", ".join(sorted(str(item) for item in items)) + " }"


def _quoted(subnets: Iterable[Subnet]) -> str:
    return _set(f'"{subnet.bridge}"' for subnet in subnets)


def _door(door: Inbound) -> list[str]:
    ports = [
        f"fib daddr type local {forward.protocol} dport {forward.host} dnat to {door.ip}:{forward.container}"
        for forward in door.forwards
    ]
    return ports + [f"ip daddr {vip} dnat to {door.ip}" for vip in door.vips]


def _masquerades(ranges: Sequence[IPv4Network], subnets: Sequence[Subnet]) -> list[str]:
    """Packets between VMs keep their source; those from the machine's loopback, sent to a forwarded port, need one that answers reach."""
    if not subnets:
        return []
    outbound = [subnet.range for subnet in subnets if subnet.outbound]
    rules = [f"ip saddr 127.0.0.0/8 oifname {_quoted(subnets)} masquerade"]
    # A VM that reaches its neighbour by a port or vip must get the answer back through here, not straight over the bridge.
    rules += [f"ip saddr {subnet.range} ip daddr {subnet.range} ct status dnat masquerade" for subnet in subnets]
    if outbound:
        rules.append(f"ip saddr {_set(outbound)} ip daddr != {_set(ranges)} oifname != {_quoted(subnets)} masquerade")
    return rules


def _no_strangers_to_loopback(subnets: Sequence[Subnet]) -> list[str]:
    """Bridges route loopback addresses (for forwarded ports), so that VMs must be kept from the machine's own loopback services."""
    return [f"iifname {_quoted(subnets)} ip daddr 127.0.0.0/8 drop"] if subnets else []


def _forward_rules(subnets: Sequence[Subnet]) -> list[str]:
    if not subnets:
        return []
    bridges = _quoted(subnets)
    closed = [subnet for subnet in subnets if not subnet.outbound]
    rules = ["ct state established,related accept", "ct status dnat accept"]
    if closed:
        rules.append(f"iifname {_quoted(closed)} oifname != {bridges} drop")
    return [*rules, f"iifname != {bridges} oifname {bridges} drop"]
