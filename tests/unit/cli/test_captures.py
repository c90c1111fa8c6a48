"""Captures of several machines become one, in the order of time."""

from __future__ import annotations

import io
import struct

import pytest

from bosh.cli.commands.pcap import _merge, capture_command, duration_s
from bosh.cli.failures import SessionError, UsageError
from bosh.cli.output.captures import CaptureError, header_bytes, merged, packet_bytes, read_capture


def capture(*times_us: int, order: str = "<", link_type: int = 1, tag: bytes = b"x") -> bytes:
    header = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    packets = (
        struct.pack(f"{order}IIII", time // 1_000_000, time % 1_000_000, len(tag), 100) + tag for time in times_us
    )
    return header + b"".join(packets)


def read(content: bytes):
    return read_capture(io.BytesIO(content).read)


def test_packets_come_by_time_whatever_the_byte_order():
    packets = merged([read(capture(5, 9_000_000, tag=b"a")).packets, read(capture(7, order=">", tag=b"b")).packets])
    assert [(packet.time_ns, packet.content) for packet in packets] == [
        (5_000, b"a"),
        (7_000, b"b"),
        (9_000_000_000, b"a"),
    ]


def test_what_is_written_can_be_read_again():
    (packet,) = read(capture(1_500_000)).packets
    again = read(header_bytes(1, 65535) + packet_bytes(packet))
    assert (again.link_type, list(again.packets)) == (1, [packet])


def test_a_packet_cut_off_at_the_end_is_left_out():
    assert len(list(read(capture(1, 2)[:-1]).packets)) == 1
    assert len(list(read(capture(1, 2)[:-8]).packets)) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 24])
def test_what_is_no_capture_is_refused(content):
    with pytest.raises(CaptureError, match="begins with"):
        read(content)


def test_one_file_of_all_that_began(tmp_path):
    parts = [io.BytesIO(capture(3)), io.BytesIO(b""), io.BytesIO(capture(1, 2))]
    assert _merge(parts, tmp_path / "all.pcap", 100) == 3
    times = [packet.time_ns for packet in read((tmp_path / "all.pcap").read_bytes()).packets]
    assert times == [1000, 2000, 3000]
    with pytest.raises(SessionError, match="all pcap captures failed"):
        _merge([io.BytesIO(b"")], tmp_path / "none.pcap", 100)
    with pytest.raises(SessionError, match="different kinds"):
        _merge([io.BytesIO(capture(1)), io.BytesIO(capture(1, link_type=113))], tmp_path / "none.pcap", 100)


def test_the_filter_reaches_the_instance_as_one_word():
    assert capture_command("eth0", "port 80; reboot", 96) == "sudo tcpdump -U -w - -i eth0 -s 96 'port 80; reboot'"


@pytest.mark.parametrize("device", ["", "..", "a/b", "a b", "a:1", "x" * 17])
def test_no_such_interface_can_be(device):
    with pytest.raises(UsageError, match="validate network interface name"):
        capture_command(device, "", 96)


def test_durations():
    assert [duration_s(text) for text in ("500ms", "5s", "1m", "1.5s")] == [0.5, 5.0, 60.0, 1.5]
    with pytest.raises(UsageError, match="no duration"):
        duration_s("5")
