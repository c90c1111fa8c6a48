"""Sets of IP addresses as sorted inclusive intervals of integers; nothing is ever enumerated."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Interval = tuple[int, int]


class InvalidAddress(ValueError):
    """A text is no address, range or CIDR."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of addresses of one IP version, with the text it came from."""

    first: int
    last: int
    version: int
    text: str

    @property
    def interval(self) -> Interval:
        return (self.first, self.last)

    def holds(self, other: Span) -> bool:
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def touches(self, other: Span) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    @property
    def count(self) -> int:
        return self.last - self.first + 1


def span(text: str) -> Span:
    """``10.0.0.1``, ``10.0.0.0/28`` or ``10.0.0.1 - 10.0.0.9`` (bosh: director/ip_util.rb).

    Raises:
        InvalidAddress: none of these, or the ends are in the wrong order or of two kinds.
    """
    parts = [part.strip() for part in text.split("-")]
    if len(parts) == 1:
        return _network(parts[0])
    if len(parts) != 2:
        raise InvalidAddress(f'Invalid IP range format: "{text}"')
    first, last = _network(parts[0]), _network(parts[1])
    if first.count != 1 or last.count != 1 or first.version != last.version or first.first > last.first:
        raise InvalidAddress(f'Invalid IP range format: "{text}"')
    return Span(first.first, last.last, first.version, text)


def _network(text: str) -> Span:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidAddress(f'"{text}" is no IP address or range') from error
    return Span(int(network.network_address), int(network.broadcast_address), network.version, text)


def prefix_length(cidr: str) -> int:
    """The ``24`` of ``10.0.0.0/24``."""
    return ipaddress.ip_network(cidr, strict=False).prefixlen


def united(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same addresses in as few sorted intervals as possible."""
    result: list[Interval] = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


def within(address: int, intervals: Iterable[Interval]) -> bool:
    return any(first <= address <= last for first, last in intervals)


def address_text(address: int, version: int) -> str:
    """Canonical text of an address."""
    return str(ipaddress.IPv4Address(address) if version == 4 else ipaddress.IPv6Address(address))
