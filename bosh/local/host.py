"""What the environment needs of the machine: an address inside the VMs' network, which it adds itself, and ports that are free."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing

from bosh.local.home import Home
from bosh.wire.errors import SystemFailure


def _ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


def add_address(home: Home) -> None:
    """Give the loopback device the address on which VMs find bus and blobstore. Raises SystemFailure."""
    if has_address(home):
        return
    ended = _ip("address", "add", f"{home.host_address}/32", "dev", "lo")
    if ended.returncode:
        raise SystemFailure(
            f"cannot add the address {home.host_address} to this machine",
            details=ended.stderr.strip(),
            resolution="Run as root on a machine whose network may be changed.",
        )


def has_address(home: Home) -> bool:
    return f" {home.host_address}/" in _ip("-o", "-4", "address", "show", "dev", "lo").stdout


def remove_address(home: Home) -> None:
    """Gone afterwards, and no error when it was gone before."""
    if has_address(home):
        _ip("address", "delete", f"{home.host_address}/32", "dev", "lo")


def require_ports(home: Home) -> None:
    """Before the first daemon starts: nobody else listens where they will. Raises SystemFailure naming all ports that are taken."""
    wanted = [
        ("127.0.0.1", home.port),
        ("127.0.0.1", home.monitor_port),
        (str(home.host_address), home.nats_port),
        (str(home.host_address), home.blobstore_port),
    ]
    taken = [f"{address}:{port}: {reason}" for address, port in wanted if (reason := _why_not(address, port))]
    if taken:
        raise SystemFailure(
            "cannot start the director: its ports are not free",
            details="\n".join(taken),
            resolution="End what listens there (`ss -tlnp` shows it), or choose others with --port; "
            "then take them for every command about this environment.",
        )


def _why_not(address: str, port: int) -> str:
    """Empty when one could listen there."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error.strerror or str(error)
    return ""
