from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from container_cpi.config import Config, parse_config
from cpi_kit.errors import CloudFailed


def test_defaults() -> None:
    config = parse_config({"state_dir": "/var/lib/x", "something": "of others"})
    assert config == Config(Path("/var/lib/x"))
    assert config.ranges == (IPv4Network("10.244.0.0/16"),)


def test_everything_set() -> None:
    content = {
        "state_dir": "/s",
        "ranges": ["10.1.0.0/16"],
        "dynamic_range": "10.1.1.0/24",
        "managed_range": "10.1.2.0/23",
        "dns": ["1.1.1.1"],
        "agent": {"mbus": "nats://x"},
        "runc": "/usr/bin/runc",
    }
    config = parse_config(content)
    assert (config.dynamic_range, config.managed_range) == (IPv4Network("10.1.1.0/24"), IPv4Network("10.1.2.0/23"))
    assert (config.dns, config.agent, config.runc) == (("1.1.1.1",), {"mbus": "nats://x"}, "/usr/bin/runc")


def test_state_directories_have_ids_of_their_own() -> None:
    assert Config(Path("/a")).id != Config(Path("/b")).id
    assert len(Config(Path("/a")).id) == 8


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state_dir": "relative"},
        {"state_dir": "/with:colon"},
        {"state_dir": "/with blank"},
        {"state_dir": "/s", "ranges": ["10.1.0.1/16"]},
        {"state_dir": "/s", "ranges": 5},
        {"state_dir": "/s", "dns": ["x"]},
        {"state_dir": "/s", "host_addresses": ["x"]},
        {"state_dir": "/s", "agent": "x"},
    ],
)
def test_refusals(content: dict[str, Any]) -> None:
    with pytest.raises(CloudFailed):
        parse_config(content)
