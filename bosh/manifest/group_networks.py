"""Networks and AZs of an instance group.

(bosh: instance_group_networks_parser.rb, instance_group_availability_zone_parser.rb, placement_planner/networks_to_static_ips.rb)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bosh.manifest.addresses import Interval, Span, address_text
from bosh.manifest.cloud import Cloud
from bosh.manifest.model import GroupNetwork, Network, Subnet
from bosh.manifest.networks import has_azs, is_static, spans, subnet_of
from bosh.manifest.reading import Node, no_such

MISSING_NETWORK: Final = 140009
INVALID_AZ: Final = 140016
MISSING_AZS: Final = 140017
UNKNOWN_AZ: Final = 140018
UNKNOWN_NETWORK: Final = 150001
IP_COUNT_MISMATCH: Final = 150002
INVALID_DEFAULT: Final = 150003
MULTIPLE_DEFAULTS: Final = 150004
MISSING_DEFAULT: Final = 150005
AZ_NOT_IN_NETWORK: Final = 150006
STATIC_IP_IN_WRONG_AZ: Final = 150007
STATIC_ON_DYNAMIC: Final = 150008
DUPLICATE_STATIC_IP: Final = 150009
VIP_MISCONFIGURED: Final = 130014
OUTSIDE_SUBNET: Final = 130012
NOT_STATIC: Final = 130009
NOT_BASE_ADDRESS: Final = 16015

REQUIRED_DEFAULTS: Final = ("dns", "gateway")
DEFAULTS: Final = (*REQUIRED_DEFAULTS, "addressable")

MAX_STATIC_IPS: Final = 4096
"""A range of more can only be a slip; it bounds what is written out address by address."""


def group_networks(node: Node, cloud: Cloud, instances: int) -> tuple[tuple[str, ...], tuple[GroupNetwork, ...]]:
    """AZs and networks of a group, checked against each other and the cloud config."""
    azs = _azs(node, cloud)
    entries = node.maps("networks")
    if not entries and node.raw("networks") == []:
        node.fault("there must be a network", code=MISSING_NETWORK, key="networks")
    found = [_network(entry, cloud, azs, instances) for entry in entries]
    if len(found) == 1 and not set(REQUIRED_DEFAULTS) <= set(found[0].default):
        found = [replace(found[0], default=tuple(dict.fromkeys((*REQUIRED_DEFAULTS, *found[0].default))))]
    if entries:
        _check_defaults(node, found)
    return azs, tuple(found)


def _azs(node: Node, cloud: Cloud) -> tuple[str, ...]:
    if "azs" not in node:
        return ()
    names = []
    if node.raw("azs") == []:
        node.fault("'azs' must not be empty", code=MISSING_AZS, key="azs")
    for item in node.items("azs"):
        if not isinstance(item.value, str):
            item.fault("the name of an availability zone must be text", code=INVALID_AZ)
        elif item.value not in cloud.azs:
            item.fault(no_such("availability zone", item.value, cloud.azs), code=UNKNOWN_AZ)
        else:
            names.append(item.value)
    return tuple(names)


def _network(node: Node, cloud: Cloud, azs: Sequence[str], instances: int) -> GroupNetwork:
    node.known(("name", "static_ips", "default", "nic_group"))
    name = node.text("name")
    network = cloud.networks.get(name)
    if name and network is None:
        node.fault(no_such("network", name, cloud.networks), code=UNKNOWN_NETWORK, key="name")
    if network and not has_azs(network, azs):
        zones = sorted({zone for subnet in network.subnets for zone in subnet.azs})
        where = f"its subnets are in {', '.join(zones)}" if zones else "its subnets are in none"
        message = f'the group\'s availability zones do not match those of network "{name}": {where}'
        node.fault(message, code=AZ_NOT_IN_NETWORK)
    static = _static_ips(node, network, azs, instances)
    return GroupNetwork(name, static, tuple(node.texts("default", ())), node.text("nic_group", ""))


# --- static addresses ---------------------------------------------------------------------------------------------------------------


def _static_ips(node: Node, network: Network | None, azs: Sequence[str], instances: int) -> tuple[str, ...]:
    if network and network.type == "vip":
        _check_vip(node, network, instances)
    if node.raw("static_ips") is None:
        return ()
    if network and network.type == "dynamic":
        node.fault("a dynamic network has no static IPs", code=STATIC_ON_DYNAMIC, key="static_ips")
        return ()
    given = spans(node, "static_ips")
    _check_duplicates(given)
    count = sum(one.count for _, one in given)
    if count != instances:
        message = f"there are {instances} instances but {count} static IPs"
        node.fault(message, code=IP_COUNT_MISMATCH, key="static_ips")
    if count > MAX_STATIC_IPS:
        return ()
    for item, one in given:
        if network and network.type == "manual":
            _check_in_subnet(item, one, network, azs)
    return tuple(address_text(ip, one.version) for _, one in given for ip in range(one.first, one.last + 1))


def _check_vip(node: Node, network: Network, instances: int) -> None:
    globally = any(subnet.static for subnet in network.subnets)
    if globally and node.raw("static_ips"):
        message = "IPs cannot be specified in both the instance group and the cloud config"
        node.fault(message, code=VIP_MISCONFIGURED, key="static_ips")
    if not globally and instances and not node.raw("static_ips"):
        message = "IPs must be specified in either the instance group or the cloud config"
        node.fault(message, code=VIP_MISCONFIGURED)


def _check_duplicates(given: Sequence[tuple[Node, Span]]) -> None:
    seen: list[Interval] = []
    for item, one in given:
        if any(first <= one.last and one.first <= last for first, last in seen):
            item.fault(f"static IP {one.text} is there twice", code=DUPLICATE_STATIC_IP)
        seen.append(one.interval)


def _check_in_subnet(item: Node, one: Span, network: Network, azs: Sequence[str]) -> None:
    subnet = subnet_of(network, one)
    if subnet is None:
        item.fault(f'static IP {one.text} is in no subnet of network "{network.name}"', code=OUTSIDE_SUBNET)
    elif not (is_static(subnet, one) and is_static(subnet, replace(one, first=one.last))):
        message = f'static IP {one.text} is not among the static IPs of network "{network.name}"'
        item.fault(message, code=NOT_STATIC)
    else:
        _check_zone_and_prefix(item, one, subnet, azs)


def _check_zone_and_prefix(item: Node, one: Span, subnet: Subnet, azs: Sequence[str]) -> None:
    if azs and subnet.azs and not set(azs) & set(subnet.azs):
        message = f"static IP {one.text} is in {', '.join(subnet.azs)}, which the group does not use"
        item.fault(message, code=STATIC_IP_IN_WRONG_AZ)
    width = (32 if one.version == 4 else 128) - subnet.prefix if subnet.prefix else 0
    if width and one.first % (1 << width):
        message = f"static IP {one.text} is not the first address of a /{subnet.prefix}"
        item.fault(message, code=NOT_BASE_ADDRESS)


# --- defaults -----------------------------------------------------------------------------------------------------------------------


def _check_defaults(node: Node, networks: Sequence[GroupNetwork]) -> None:
    entries = node.child("networks")
    for at, network in enumerate(networks):
        for name in network.default:
            if name not in DEFAULTS:
                message = f'"{name}" is not one of {", ".join(DEFAULTS)}'
                entries.child(at).fault(message, code=INVALID_DEFAULT, key="default")
    for name in DEFAULTS:
        having = [network.name for network in networks if name in network.default]
        if len(having) > 1:
            message = f"more than one network is the default for {name}: {', '.join(having)}"
            entries.fault(message, code=MULTIPLE_DEFAULTS)
        if not having and name in REQUIRED_DEFAULTS:
            message = f"with several networks one must be the default for {name}"
            entries.fault(message, code=MISSING_DEFAULT)
