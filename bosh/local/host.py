"""The one thing of the machine that the environment changes itself: an address inside the VMs' network."""

from __future__ import annotations

import subprocess

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
