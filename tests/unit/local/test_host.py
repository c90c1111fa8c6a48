"""Ports that others have."""

from __future__ import annotations

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bosh.local import host
from bosh.local.home import Home
from bosh.wire.errors import SystemFailure


def test_every_port_that_is_taken_is_named():
    """127.3.255.254 is this machine's, as everything below 127.0.0.0/8."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        home = Home(Path("/nonexistent"), IPv4Network("127.3.0.0/16"), port)
        with pytest.raises(SystemFailure) as caught:
            host.require_ports(home)
    assert caught.value.details == f"127.0.0.1:{port}: Address already in use"
    host.require_ports(home)
