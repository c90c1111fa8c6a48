"""Packets of several instances in one file (bosh-cli: cmd/pcap.go, pcap/pcap.go). ``tcpdump`` runs on the instances, over SSH."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.slugs import all_or_group_or_instance
from bosh.cli.commands.ssh import Access, Disable, Gateway, GatewayHost, GatewayKey, GatewayUser, Host, Socks5, access
from bosh.cli.output.captures import CaptureError, header_bytes, merged, packet_bytes, read_capture
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError, UsageError

_LONGEST_DEVICE, _LONGEST_FILTER = 16, 5000
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")


def capture_command(device: str, filter_text: str, snaplen: int) -> str:
    """What an instance runs. Raises UsageError: no such device can be."""
    if len(device) > _LONGEST_DEVICE or device in {"", ".", ".."} or re.search(r"[/:\s\0]", device):
        raise UsageError("invalid pcap cmd options", f"validate network interface name: '{device}' cannot be one")
    if len(filter_text) > _LONGEST_FILTER:
        raise UsageError("invalid pcap cmd options", f"expected filter to be at most {_LONGEST_FILTER} characters")
    words = [
        "sudo",
        "tcpdump",
        "-U",
        "-w",
        "-",
        "-i",
        device,
        "-s",
        str(snaplen),
        *([filter_text] if filter_text else []),
    ]
    return shlex.join(words)


def duration_s(text: str) -> float:
    """``500ms``, ``5s``, ``1m``. Raises UsageError."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise UsageError(f"invalid argument for flag `--stop-timeout': '{text}' is no duration like 5s, 500ms or 1m")
    return float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]


def pcap(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write pcap to.")],
    chosen: Annotated[list[str] | None, typer.Argument(metavar="INSTANCE-GROUP[/INSTANCE-ID]")] = None,
    interface: Annotated[
        str, typer.Option("--interface", "-i", help="Specifies the network interface to listen on.")
    ] = "eth0",
    filter_text: Annotated[str, typer.Option("--filter", "-f", help="Filter to apply when running tcpdump.")] = "",
    snaplen: Annotated[
        int, typer.Option("--snaplen", "-s", help="Snarf snaplen bytes of data from each packet rather than 65535.")
    ] = 65535,
    stop_timeout: Annotated[
        str, typer.Option("--stop-timeout", help="Timeout to wait for data to flush before session stop.")
    ] = "5s",
    gw_disable: Disable = False,
    gw_user: GatewayUser = "",
    gw_host: GatewayHost = "",
    gw_private_key: GatewayKey = "",
    gw_socks5: Socks5 = "",
) -> None:
    slugs = list(dict.fromkeys(chosen or [""]))
    for slug in slugs:
        all_or_group_or_instance(slug)
    command, patience_s = capture_command(interface, filter_text, snaplen), duration_s(stop_timeout)
    session = sessions.of(context)
    gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
    with ExitStack() as stack:
        granted = [stack.enter_context(access(session, slug, gateway)) for slug in slugs]
        hosts = [(one, host) for one in granted for host in one.hosts]
        rows = tuple((host.label, host.address) for _, host in hosts)
        session.ui.table(Table("instances", ("Instance", "IP"), rows, sort_by=(0,)))
        session.ui.confirm()
        _capture(session, hosts, command, output.expanduser(), snaplen=snaplen, patience_s=patience_s)


def _capture(
    session: Session,
    hosts: Sequence[tuple[Access, Host]],
    command: str,
    output: Path,
    *,
    snaplen: int,
    patience_s: float,
) -> None:
    """Until the person ends it (Ctrl-C) or every instance has; then one file of all. Raises SessionError."""
    with ExitStack() as stack:
        parts = [stack.enter_context(tempfile.TemporaryFile()) for _ in hosts]
        running: list[subprocess.Popen[bytes]] = []
        for (granted, host), part in zip(hosts, parts, strict=True):
            words = ["ssh", *granted.arguments(), "-l", host.user, "--", host.address, command]
            # A session of its own: Ctrl-C is for us, who then let the captures flush.
            running.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=part, start_new_session=True))
        session.ui.line("Capturing, stop with Ctrl-C")
        _wait(running, patience_s=patience_s)
        count = _merge(parts, output, snaplen)
    session.ui.line(f"{count} packets of {len(hosts)} instance(s) in '{output}'")


def _wait(running: Sequence[subprocess.Popen[bytes]], *, patience_s: float) -> None:
    stopped = threading.Event()
    previous = [(number, signal.signal(number, lambda *_: stopped.set())) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        while not stopped.wait(0.1) and any(process.poll() is None for process in running):
            pass
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _merge(parts: Sequence[Any], output: Path, snaplen: int) -> int:
    """Number of packets written. Raises SessionError: there was no capture at all, or they do not fit together."""
    captures = []
    for part in parts:
        part.seek(0)
        try:
            captures.append(read_capture(part.read))
        except CaptureError:
            continue
    if not captures:
        raise SessionError("starting of all pcap captures failed")
    kinds = {capture.link_type for capture in captures}
    if len(kinds) > 1:
        raise SessionError("write to output file failed", f"the interfaces are of different kinds: {sorted(kinds)}")
    count = 0
    with output.open("wb") as stream:
        stream.write(header_bytes(kinds.pop(), snaplen))
        for packet in merged(capture.packets for capture in captures):
            stream.write(packet_bytes(packet))
            count += 1
    return count
