"""Addresses by interval arithmetic: which are free, reserved or static, without ever listing a range.

An IPv6 subnet has 2^64 addresses, so a subnet is kept as its first and last number and sorted intervals; only addresses in use
are remembered one by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from bosh.manifest.model import Network, Subnet
from bosh.plan.errors import NotTheBaseAddress, ReservedAddress
from bosh.wire.errors import BoshError, NetworkReservationAlreadyInUse, NetworkReservationIpOutsideSubnet

Span = tuple[int, int]
Key = tuple[int, int]
"""(IP version, number): IPv4 and IPv6 addresses never meet."""


def key_of(ip: str) -> Key:
    """The address as a comparable pair; of a prefix (``10.0.0.16/28``) its first.

    Raises:
        BoshError: 130001, not an address.
    """
    try:
        address = ip_address(ip.partition("/")[0])
    except ValueError as error:
        raise BoshError(f"cannot read address '{ip}'", details=str(error), code=130001) from error
    return address.version, int(address)


def block_of(ip: str) -> tuple[int, Span]:
    """IP version and first and last number of an address or a prefix."""
    version, number = key_of(ip)
    length = ip.partition("/")[2]
    return version, (number, number + _size(version, int(length) if length else 0) - 1)


def _size(version: int, prefix: int) -> int:
    """How many addresses one VM gets: one, unless the network gives prefixes."""
    return 1 << ((32 if version == 4 else 128) - prefix) if prefix else 1


def text_of(key: Key) -> str:
    """The address as BOSH writes it, IPv6 compressed."""
    version, number = key
    return str(IPv4Address(number) if version == 4 else IPv6Address(number))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same numbers in the fewest intervals, ascending."""
    result: list[Span] = []
    for low, high in sorted(spans):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


def span_around(spans: Sequence[Span], number: int) -> Span | None:
    """Which of the merged intervals contains the number."""
    position = bisect_right(spans, (number, 1 << 200)) - 1
    if position >= 0 and spans[position][0] <= number <= spans[position][1]:
        return spans[position]
    return None


def overlapping(spans: Sequence[Span], block: Span) -> Span | None:
    """The first of the ascending, disjoint intervals that shares a number with the block."""
    position = bisect_left(spans, block[0], key=lambda span: span[1])
    return spans[position] if position < len(spans) and spans[position][0] <= block[1] else None


@dataclass(frozen=True, slots=True)
class Space:
    """A subnet with a range, as numbers."""

    subnet: Subnet
    version: int
    first: int
    last: int
    netmask: str
    restricted: tuple[Span, ...]
    """Reserved ranges, gateway, network id and broadcast (bosh: manual_network_subnet.rb)."""
    static: tuple[Span, ...]
    barred: tuple[Span, ...]
    """Restricted and static together: nothing here is given out automatically."""

    @classmethod
    def of(cls, subnet: Subnet) -> Space:
        """Read a subnet's CIDR and intervals."""
        network = ip_network(subnet.range, strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        edges = [(first, first), (last, last)]
        if subnet.gateway:
            gateway = int(ip_address(subnet.gateway))
            edges.append((gateway, gateway))
        restricted = merged((*subnet.reserved, *edges))
        return cls(
            subnet=subnet,
            version=network.version,
            first=first,
            last=last,
            netmask=str(network.netmask),
            restricted=restricted,
            static=merged(subnet.static),
            barred=merged((*restricted, *subnet.static)),
        )

    def contains(self, key: Key) -> bool:
        return key[0] == self.version and self.first <= key[1] <= self.last

    def serves(self, az: str) -> bool:
        """Whether an instance in this AZ may have an address here."""
        return not az or not self.subnet.azs or az in self.subnet.azs

    def automatic(self, ip: str) -> bool:
        """Whether the address, or prefix, may be held by an instance that did not ask for it by name."""
        version, (low, high) = block_of(ip)
        inside = self.contains((version, low)) and self.contains((version, high))
        return inside and high - low + 1 == self.size and overlapping(self.barred, (low, high)) is None

    @property
    def size(self) -> int:
        """How many addresses one VM gets."""
        return _size(self.version, self.subnet.prefix)

    def text(self, number: int) -> str:
        """The address as it is reserved, with the prefix's length where the network gives prefixes."""
        ip = text_of((self.version, number))
        return f"{ip}/{self.subnet.prefix}" if self.subnet.prefix else ip

    def is_restricted(self, key: Key) -> bool:
        return span_around(self.restricted, key[1]) is not None


class AddressBook:
    """Every address in use, with its owner, and the lowest free one of each subnet.

    ``lay_out`` holds one while it works; it is its only mutable part.
    """

    def __init__(
        self, networks: Mapping[str, Network], in_use: Mapping[str, str], *, names: Mapping[str, str] | None = None
    ) -> None:
        """Begin with what is held already.

        Args:
            in_use: address → owner.
            names: owner → how a person knows it, for error texts.
        """
        self._names = names or {}
        self.spaces: dict[str, tuple[Space, ...]] = {
            name: tuple(Space.of(subnet) for subnet in network.subnets if subnet.range)
            for name, network in networks.items()
            if network.type == "manual"
        }
        self._owners: dict[Key, str] = {key_of(ip): owner for ip, owner in in_use.items() if ip}
        self._prefixes: dict[int, list[Span]] = {4: [], 6: []}
        for version, block in (block_of(ip) for ip in in_use if "/" in ip):
            insort(self._prefixes[version], block)
        self._cursors: dict[int, int] = {}

    def space_of(self, network: str, key: Key) -> Space | None:
        """The subnet of the network that contains the address."""
        return next((space for space in self.spaces.get(network, ()) if space.contains(key)), None)

    def claim(self, ip: str, owner: str, *, wanted_by: str) -> None:
        """Give a named address to an owner.

        Raises:
            NetworkReservationAlreadyInUse: 130008, another owner has it.
        """
        key = key_of(ip)
        around = span_around(self._prefixes[key[0]], key[1])
        holder = self._owners.setdefault((key[0], around[0]) if around else key, owner)
        if holder != owner:
            raise NetworkReservationAlreadyInUse(
                f"Failed to reserve IP '{ip}' for instance '{wanted_by}': already reserved by {self._names.get(holder, holder)}",
                resolution="Choose another address, or delete the instance that holds it in a deploy of its own first.",
            )
        if "/" in ip and around is None:
            insort(self._prefixes[key[0]], block_of(ip)[1])

    def claim_static(self, network: str, ip: str, owner: str, *, wanted_by: str) -> str:
        """Give a static address to an owner; the address as it is reserved.

        Raises:
            NotTheBaseAddress: 16015.
            NetworkReservationIpOutsideSubnet: 130012.
            ReservedAddress: 130013.
            NetworkReservationAlreadyInUse: 130008.
        """
        key = key_of(ip)
        space = self.space_of(network, key)
        if space is None:
            raise NetworkReservationIpOutsideSubnet(
                f"Provided static IP '{ip}' does not belong to any subnet in network '{network}'"
            )
        if space.is_restricted(key):
            raise ReservedAddress(
                f"Failed to reserve IP '{ip}' for network '{network}': IP belongs to reserved range",
                resolution="Take it out of 'reserved', or choose an address of the subnet's 'static' ranges.",
            )
        if (key[1] - space.first) % space.size:
            raise NotTheBaseAddress(f"Static IP '{ip}' is not the first address of a prefix of /{space.subnet.prefix}")
        reserved = space.text(key[1])
        self.claim(reserved, owner, wanted_by=wanted_by)
        return reserved

    def lowest_free(self, network: str, az: str, owner: str) -> str:
        """Give the lowest free address of the network's subnets that serve the AZ; empty when there is none."""
        for space in self.spaces.get(network, ()):
            if space.serves(az) and (number := self._next(space)) is not None:
                self._owners[(space.version, number)] = owner
                if space.size > 1:
                    insort(self._prefixes[space.version], (number, number + space.size - 1))
                return space.text(number)
        return ""

    def lowest_free_static(self, version: int, spans: tuple[Span, ...], owner: str) -> str:
        """Give the lowest free address of some intervals (vip networks that allocate for all deployments)."""
        for low, high in spans:
            number = low
            while number <= high:
                if (version, number) not in self._owners:
                    self._owners[(version, number)] = owner
                    return text_of((version, number))
                number += 1
        return ""

    def _next(self, space: Space) -> int | None:
        """The lowest free number of a subnet: an address, or the first of a prefix."""
        size = space.size
        number = self._cursors.get(id(space), space.first)
        while number + size - 1 <= space.last and (busy := self._busy_until(space, number)) is not None:
            number = space.first - (space.first - busy - 1) // size * size
        self._cursors[id(space)] = number
        return number if number + size - 1 <= space.last else None

    def _busy_until(self, space: Space, number: int) -> int | None:
        """The last number that keeps the block at ``number`` from being free; None when it is."""
        block = (number, number + space.size - 1)
        for spans in (space.barred, self._prefixes[space.version]):
            if (span := overlapping(spans, block)) is not None:
                return span[1]
        if space.size == 1:
            return number if (space.version, number) in self._owners else None
        used = (key for version, key in self._owners if version == space.version)
        return max((key for key in used if block[0] <= key <= block[1]), default=None)
