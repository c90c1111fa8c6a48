from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from container_cpi.config import Config
from container_cpi.fabric_plan import EMPTY, plan_fabric
from container_cpi.networks import Connection, connect
from cpi_kit.errors import CloudFailed

CONFIG = Config(Path("/state"), ranges=(IPv4Network("10.1.0.0/16"),))


def vm(ip: str, bits: int = 24, properties: Any = None, **more: Any) -> Connection:
    subnet = IPv4Interface(f"{ip}/{bits}").network
    network = {"type": "manual", "ip": ip, "netmask": str(subnet.netmask), "gateway": str(subnet[1]), **more}
    networks = {"n": network, **({"v": {"type": "vip", "ip": "10.7.0.1"}} if properties == "vip" else {})}
    given = properties if isinstance(properties, dict) else {}
    return connect(CONFIG, networks, given, taken=(), seed="0" * 32)


def test_no_vms_no_fabric() -> None:
    assert plan_fabric(CONFIG, []) == EMPTY


def test_one_bridge_per_subnet_with_its_gateway() -> None:
    fabric = plan_fabric(CONFIG, [vm("10.1.1.5"), vm("10.1.1.6"), vm("10.1.2.5")])
    assert sorted(fabric.bridges.values(), key=str) == [
        frozenset({IPv4Interface("10.1.1.1/24")}),
        frozenset({IPv4Interface("10.1.2.1/24")}),
    ]


def test_the_guard_is_the_configured_range_or_the_subnet_itself() -> None:
    assert plan_fabric(CONFIG, [vm("10.1.1.5"), vm("10.1.2.5")]).guards == {IPv4Network("10.1.0.0/16")}
    assert plan_fabric(CONFIG, [vm("10.2.1.5")]).guards == {IPv4Network("10.2.1.0/24")}


def test_a_vip_is_an_address_of_the_bridge() -> None:
    [addresses] = plan_fabric(CONFIG, [vm("10.1.1.5", properties="vip")]).bridges.values()
    assert IPv4Interface("10.7.0.1/32") in addresses


def test_overlapping_subnets_are_refused() -> None:
    with pytest.raises(CloudFailed, match="overlap"):
        plan_fabric(CONFIG, [vm("10.1.1.5", 24), vm("10.1.2.5", 16)])


def test_the_order_of_vms_does_not_matter() -> None:
    vms = [
        vm("10.1.1.5", properties={"ports": [{"host": 80}]}),
        vm("10.1.2.5"),
        vm("10.3.1.5", properties={"ports": [{"host": 81}]}),
    ]
    assert plan_fabric(CONFIG, vms) == plan_fabric(CONFIG, vms[::-1])
