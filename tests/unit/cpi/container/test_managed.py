from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from container_cpi.config import Config
from container_cpi.managed import choose_range, create_network, delete_network
from container_cpi.records import Records
from cpi_kit.errors import CloudFailed

CONFIG = Config(Path("/s"), managed_range=IPv4Network("10.5.0.0/22"))


def test_the_first_free_range_of_the_wished_size() -> None:
    used = [IPv4Network("10.5.0.0/25"), IPv4Network("10.5.1.0/24")]
    assert choose_range(CONFIG, {}, used) == IPv4Network("10.5.2.0/24")
    assert choose_range(CONFIG, {"netmask_bits": 25}, used) == IPv4Network("10.5.0.128/25")


def test_the_wished_range() -> None:
    assert choose_range(CONFIG, {"range": "10.9.0.0/24"}, []) == IPv4Network("10.9.0.0/24")


@pytest.mark.parametrize(
    "definition",
    [{"range": "10.5.0.0/24"}, {"range": "nonsense"}, {"netmask_bits": 22}, {"netmask_bits": 8}, {"netmask_bits": "x"}],
)
def test_refusals(definition: dict[str, Any]) -> None:
    with pytest.raises(CloudFailed):
        choose_range(CONFIG, definition, [IPv4Network("10.5.0.0/24")])


def test_made_and_gone(tmp_path: Path) -> None:
    config = Config(tmp_path / "state")
    records = Records(config)
    cid, address, properties = create_network(config, records, {"cloud_properties": {"x": 1}})
    assert address == {"range": "10.244.192.0/24", "gateway": "10.244.192.1", "reserved": []}
    assert properties == {"name": cid, "x": 1}
    delete_network(records, cid)
    delete_network(records, cid)
    assert records.managed_networks() == []


def test_a_gateway_outside_is_refused(tmp_path: Path) -> None:
    config = Config(tmp_path / "state")
    with pytest.raises(CloudFailed, match="outside"):
        create_network(config, Records(config), {"range": "10.9.0.0/24", "gateway": "10.8.0.1"})
