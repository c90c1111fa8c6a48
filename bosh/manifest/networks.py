"""Networks of the cloud config (bosh: deployment_plan/{manual,dynamic,vip}_network*.rb)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from bosh.manifest.addresses import Interval, InvalidAddress, Span, address_text, prefix_length, span, united, within
from bosh.manifest.faults import did_you_mean
from bosh.manifest.model import Network, Subnet
from bosh.manifest.names import unique_names
from bosh.manifest.reading import INVALID_TYPE, MISSING_FIELD, Node, no_such

OVERLAPPING_SUBNETS: Final = 160001
INVALID_RANGE: Final = 160002
INVALID_GATEWAY: Final = 160003
INVALID_DNS: Final = 160004
RESERVED_OUT_OF_RANGE: Final = 160005
STATIC_OUT_OF_RANGE: Final = 160006
UNKNOWN_AZ: Final = 160007
INVALID_PROPERTY: Final = 160008
INVALID_RANGE_FORMAT: Final = 160010
PREFIX_TOO_BIG: Final = 16013
PREFIXES_DIFFER: Final = 16014
AZ_IN_SOME_SUBNETS: Final = 140016
NO_NETWORKS: Final = 190008
NAME_TAKEN: Final = 190007
INVALID_TYPE_OF_NETWORK: Final = 190010

_NETWORK_KEYS: Final = ("name", "type", "subnets", "dns", "cloud_properties", "managed")
_SUBNET_KEYS: Final = (
    "name", "range", "gateway", "dns", "reserved", "static", "az", "azs", "cloud_properties", "prefix", "netmask_bits",
)  # fmt: skip
_TYPES: Final = ("manual", "dynamic", "vip")


def networks(
    nodes: Sequence[Node], azs: Collection[str], *, director_ips: Sequence[str] = (), gateway_optional: bool = False
) -> dict[str, Network]:
    """All networks by name.

    Args:
        director_ips: addresses that no VM may get.
        gateway_optional: the director's ``ignore_missing_gateway``.
    """
    unique_names(list(nodes), what="network", code=NAME_TAKEN, in_dns=True)
    own = [span(text) for text in director_ips]
    found = [_network(node, azs, own, gateway_optional=gateway_optional) for node in nodes]
    return {network.name: network for network in found}


def _network(node: Node, azs: Collection[str], director_ips: Sequence[Span], *, gateway_optional: bool) -> Network:
    kind = node.text("type", "manual")
    if kind == "dynamic":
        return _dynamic(node, azs)
    if kind == "vip":
        return _vip(node, azs)
    if kind != "manual":
        node.fault(
            f'invalid network type "{kind}"{did_you_mean(kind, _TYPES)}', code=INVALID_TYPE_OF_NETWORK, key="type"
        )
        return Network(node.text("name"))
    return _manual(node, azs, director_ips, gateway_optional=gateway_optional)


# --- manual -------------------------------------------------------------------------------------------------------------------------


def _manual(node: Node, azs: Collection[str], director_ips: Sequence[Span], *, gateway_optional: bool) -> Network:
    node.known(_NETWORK_KEYS)
    managed = bool(node.boolean("managed", default=False))
    parts = [
        (part, _manual_subnet(part, azs, director_ips, managed=managed, gateway_optional=gateway_optional))
        for part in node.maps("subnets")
    ]
    _check_together(parts)
    return Network(node.text("name"), "manual", tuple(subnet for _, subnet in parts), managed=managed)


def _check_together(parts: Sequence[tuple[Node, Subnet]]) -> None:
    """Subnets of one network do not overlap, agree on their prefix, and all name AZs or none does."""
    for at, (node, subnet) in enumerate(parts):
        for _, earlier in parts[:at]:
            if subnet.range and earlier.range and span(subnet.range).touches(span(earlier.range)):
                node.fault(f"{subnet.range} overlaps {earlier.range}", code=OVERLAPPING_SUBNETS, key="range")
        if subnet.prefix != parts[0][1].prefix:
            node.fault("subnets of one network must have the same prefix", code=PREFIXES_DIFFER, key="prefix")
        if bool(subnet.azs) != bool(parts[0][1].azs):
            node.fault("either all subnets of a network name availability zones or none", code=AZ_IN_SOME_SUBNETS)


def _manual_subnet(
    node: Node, azs: Collection[str], director_ips: Sequence[Span], *, managed: bool, gateway_optional: bool
) -> Subnet:
    node.known(_SUBNET_KEYS)
    text = node.text("range", "") if managed else node.text("range")
    whole = _address(node, "range", text, code=INVALID_RANGE)
    gateway_text = node.text("gateway", "") if managed or gateway_optional else node.text("gateway")
    gateway = _address(node, "gateway", gateway_text, code=INVALID_GATEWAY)
    if whole and whole.count < 2:
        node.fault(f'"{text}" must hold at least 2 addresses', code=INVALID_RANGE, key="range")
        whole = None
    if whole and gateway:
        _check_gateway(node, gateway, whole)
    reserved = _reserved(node, whole, gateway, director_ips)
    return Subnet(
        range=text if whole else "",
        gateway=address_text(gateway.first, gateway.version) if gateway else "",
        dns=dns_servers(node),
        reserved=reserved,
        static=_static(node, whole, reserved),
        azs=subnet_azs(node, azs),
        cloud_properties=node.mapping("cloud_properties", {}),
        prefix=_prefix(node, whole),
        name=node.text("name") if managed else node.text("name", ""),
        netmask_bits=node.integer("netmask_bits", 0),
    )


def _address(node: Node, key: str, text: str, *, code: int) -> Span | None:
    if not text:
        return None
    try:
        return span(text)
    except InvalidAddress as error:
        node.fault(str(error), code=code, key=key)
        return None


def _check_gateway(node: Node, gateway: Span, whole: Span) -> None:
    wrong = (
        "must be a single IP" if gateway.count != 1
        else "must be inside the range" if not whole.holds(gateway)
        else "can't be the network id" if gateway.first == whole.first
        else "can't be the broadcast IP" if gateway.first == whole.last
        else ""
    )  # fmt: skip
    if wrong:
        node.fault(f'gateway "{gateway.text}" {wrong}', code=INVALID_GATEWAY, key="gateway")


def spans(node: Node, key: str) -> list[tuple[Node, Span]]:
    """The entry's addresses and ranges with their nodes: one text, or a list of texts."""
    value = node.raw(key)
    if value is None:
        return []
    if isinstance(value, str):
        child = node.child(key)
        parsed = _address(node, key, value, code=INVALID_RANGE_FORMAT)
        return [(child, parsed)] if parsed else []
    found = []
    for item in node.items(key):
        text = item.as_text()
        if text is None:
            continue
        try:
            found.append((item, span(text)))
        except InvalidAddress as error:
            item.fault(str(error), code=INVALID_RANGE_FORMAT)
    return found


def _reserved(
    node: Node, whole: Span | None, gateway: Span | None, director_ips: Sequence[Span]
) -> tuple[Interval, ...]:
    if whole is None:
        return ()
    taken = [(whole.first, whole.first), (whole.last, whole.last)]
    taken += [gateway.interval] if gateway else []
    taken += [own.interval for own in director_ips if own.version == whole.version and own.touches(whole)]
    for item, reserved in spans(node, "reserved"):
        if whole.holds(reserved):
            taken.append(reserved.interval)
        else:
            item.fault(f"reserved {reserved.text} is not within {whole.text}", code=RESERVED_OUT_OF_RANGE)
    return united(taken)


def _static(node: Node, whole: Span | None, reserved: Sequence[Interval]) -> tuple[Interval, ...]:
    if whole is None:
        return ()
    found = []
    for item, static in spans(node, "static"):
        if not whole.holds(static):
            item.fault(f"static {static.text} is not within {whole.text}", code=STATIC_OUT_OF_RANGE)
        elif clash := next((one for one in reserved if one[0] <= static.last and static.first <= one[1]), None):
            first = address_text(max(clash[0], static.first), static.version)
            item.fault(f"static {static.text} holds the reserved address {first}", code=STATIC_OUT_OF_RANGE)
        else:
            found.append(static.interval)
    return united(found)


def _prefix(node: Node, whole: Span | None) -> int:
    """0 for single addresses."""
    text = node.text("prefix", "")
    if not text or whole is None:
        return 0
    if not text.isdecimal():
        node.fault(f'expected a whole number, found text "{text}"', code=INVALID_TYPE, key="prefix")
        return 0
    length = int(text)
    if length < prefix_length(whole.text):
        node.fault(f"prefix {length} is larger than the range {whole.text}", code=PREFIX_TOO_BIG, key="prefix")
        return 0
    return 0 if length == (32 if whole.version == 4 else 128) else length


# --- dynamic and vip ----------------------------------------------------------------------------------------------------------------


def _dynamic(node: Node, azs: Collection[str]) -> Network:
    node.known(_NETWORK_KEYS)
    name = node.text("name")
    for key in ("az", "azs", "managed", "prefix"):
        if key in node:
            node.fault(f"a dynamic network must not have '{key}'", code=INVALID_PROPERTY, key=key)
    if "subnets" not in node:
        properties = node.mapping("cloud_properties", {})
        servers = dns_servers(node)
        return Network(name, "dynamic", (Subnet(dns=servers, cloud_properties=properties),), servers, properties)
    for key in ("dns", "cloud_properties"):
        if key in node:
            node.fault(f"'{key}' belongs into the subnets when there are subnets", code=INVALID_PROPERTY, key=key)
    return Network(name, "dynamic", tuple(_dynamic_subnet(part, azs) for part in node.maps("subnets")))


def _dynamic_subnet(node: Node, azs: Collection[str]) -> Subnet:
    node.known(_SUBNET_KEYS)
    if node.integer("prefix", 32) != 32:
        node.fault("a dynamic network has no prefix", code=INVALID_PROPERTY, key="prefix")
    return Subnet(
        dns=dns_servers(node), azs=subnet_azs(node, azs), cloud_properties=node.mapping("cloud_properties", {})
    )


def _vip(node: Node, azs: Collection[str]) -> Network:
    """Without subnets the deployments choose the addresses; with subnets the director does, among their static ones."""
    node.known(_NETWORK_KEYS)
    properties = node.mapping("cloud_properties", {})
    subnets = tuple(
        Subnet(
            static=united(part_span.interval for _, part_span in spans(part, "static")),
            azs=subnet_azs(part, azs),
            cloud_properties=properties,
        )
        for part in node.maps("subnets", ())
    )
    return Network(
        node.text("name"), "vip", subnets or (Subnet(cloud_properties=properties),), cloud_properties=properties
    )


# --- parts of subnets ---------------------------------------------------------------------------------------------------------------


def dns_servers(node: Node) -> tuple[str, ...]:
    servers = []
    for item in node.items("dns", ()):
        text = item.as_text()
        if text is None:
            continue
        try:
            server = span(text)
        except InvalidAddress as error:
            item.fault(str(error), code=INVALID_DNS)
            continue
        if server.count == 1:
            servers.append(address_text(server.first, server.version))
        else:
            item.fault(f'DNS server "{text}" must be a single IP', code=INVALID_DNS)
    return tuple(servers)


def subnet_azs(node: Node, azs: Collection[str]) -> tuple[str, ...]:
    if "az" in node and "azs" in node:
        node.fault("both 'az' and 'azs' are there; choose one", code=INVALID_PROPERTY, key="az")
    if "azs" in node:
        names = node.texts("azs")
        if node.raw("azs") == []:
            node.fault("'azs' must not be empty", code=INVALID_PROPERTY, key="azs")
    else:
        names = [node.text("az")] if "az" in node else []
    for name in names:
        if name not in azs:
            node.fault(no_such("availability zone", name, azs), code=UNKNOWN_AZ, key="azs" if "azs" in node else "az")
    return tuple(names)


def has_azs(network: Network, names: Sequence[str]) -> bool:
    """Whether the network has a subnet in each of these AZs, or, for none, one without AZs (bosh: network.rb has_azs?)."""
    if network.type == "vip":
        return True
    having = {name for subnet in network.subnets for name in subnet.azs or ("",)}
    return (not network.subnets and not names) or set(names or ("",)) <= having


def subnet_of(network: Network, address: Span) -> Subnet | None:
    """The subnet whose range holds the address."""
    return next((subnet for subnet in network.subnets if subnet.range and span(subnet.range).holds(address)), None)


def is_static(subnet: Subnet, address: Span) -> bool:
    return within(address.first, subnet.static)


def require_some(nodes: Sequence[Node], where: Node) -> None:
    """A cloud config without networks is a fault."""
    if nodes:
        return
    if "networks" in where:
        where.fault("there must be a network", code=NO_NETWORKS, key="networks")
    else:
        where.fault('"networks" is missing', code=MISSING_FIELD)
