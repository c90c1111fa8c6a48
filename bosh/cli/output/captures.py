"""Packet captures of several machines as one, in the order of time (format: libpcap's ``savefile``, classic, either byte order)."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_MICROSECONDS, _NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
_HEADER_BYTES, _PACKET_BYTES = 24, 16

Read = Callable[[int], bytes]
"""At most so many bytes; none at the end."""


class CaptureError(Exception):
    """What came is no capture."""


class Packet(NamedTuple):
    time_ns: int
    original_bytes: int
    """Length on the wire; ``content`` may be cut short."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """One machine's capture, read as it comes. ``link_type`` is libpcap's number (1: Ethernet)."""

    link_type: int
    packets: Iterator[Packet]


def _exactly(read: Read, count: int) -> bytes:
    """So many bytes, or what there was before the end."""
    pieces = b""
    while len(pieces) < count:
        piece = read(count - len(pieces))
        if not piece:
            break
        pieces += piece
    return pieces


def read_capture(read: Read) -> Capture:
    """Raises CaptureError."""
    header = _exactly(read, _HEADER_BYTES)
    for order in "<>":
        if len(header) == _HEADER_BYTES and struct.unpack(f"{order}I", header[:4])[0] in {_MICROSECONDS, _NANOSECONDS}:
            magic, _major, _minor, _zone, _sigfigs, _snaplen, link_type = struct.unpack(f"{order}IHHiIII", header)
            scale = 1000 if magic == _MICROSECONDS else 1
            return Capture(link_type & 0x0FFFFFFF, _packets(read, order, scale))
    raise CaptureError(f"cannot read a packet capture: it begins with {header[:8].hex() or 'nothing'}")


def _packets(read: Read, order: str, scale: int) -> Iterator[Packet]:
    """Until the end; a packet cut off there is left out."""
    while len(head := _exactly(read, _PACKET_BYTES)) == _PACKET_BYTES:
        seconds, fraction, kept, original = struct.unpack(f"{order}IIII", head)
        content = _exactly(read, kept)
        if len(content) < kept:
            return
        yield Packet(seconds * 1_000_000_000 + fraction * scale, original, content)


def merged(captures: Iterable[Iterator[Packet]]) -> Iterator[Packet]:
    """All packets by time; each capture is in order already."""
    return heapq.merge(*captures, key=lambda packet: packet.time_ns)


def header_bytes(link_type: int, snaplen: int) -> bytes:
    """The beginning of a capture file with nanoseconds."""
    return struct.pack("<IHHiIII", _NANOSECONDS, 2, 4, 0, 0, snaplen, link_type)


def packet_bytes(packet: Packet) -> bytes:
    seconds, nanoseconds = divmod(packet.time_ns, 1_000_000_000)
    return struct.pack("<IIII", seconds, nanoseconds, len(packet.content), packet.original_bytes) + packet.content
