from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from container_cpi.config import Config
from container_cpi.networks import Connection, Forward, as_settings, bridge_name, connect
from cpi_kit.errors import CloudFailed, NotSupported

CONFIG = Config(Path("/state"), dynamic_range=IPv4Network("10.9.0.0/29"), dns=("9.9.9.9",))
SEED = "0123456789abcdef0123456789abcdef"


def manual(ip: str = "10.1.0.5", **more: Any) -> dict[str, Any]:
    return {"type": "manual", "ip": ip, "netmask": "255.255.255.0", "gateway": f"{ip.rpartition('.')[0]}.1", **more}


def connected(networks: Any, properties: Any = None, taken: Any = ()) -> Connection:
    return connect(CONFIG, networks, properties or {}, taken=taken, seed=SEED)


def test_a_manual_network_becomes_an_interface() -> None:
    [nic] = connected({"n": manual()}).nics
    assert (nic.device, nic.address, nic.default_route) == ("eth0", IPv4Interface("10.1.0.5/24"), True)
    assert (nic.subnet.range, nic.subnet.gateway) == (IPv4Network("10.1.0.0/24"), IPv4Address("10.1.0.1"))
    assert nic.subnet.outbound


def test_names_fit_into_what_the_kernel_allows_and_macs_are_local_unicast() -> None:
    for nic in connected({f"n{n}": manual(f"10.{n}.0.5") for n in range(16)}).nics:
        assert max(len(nic.host_device), len(nic.subnet.bridge)) <= 15
        assert int(nic.mac[:2], 16) & 3 == 2


def test_names_differ_between_seeds_and_state_directories() -> None:
    other = connect(CONFIG, {"n": manual()}, {}, taken=(), seed="f" * 32).nics[0]
    assert other.host_device != connected({"n": manual()}).nics[0].host_device
    subnet = IPv4Network("10.1.0.0/24")
    assert bridge_name(CONFIG, subnet) != bridge_name(Config(Path("/other")), subnet)


@pytest.mark.parametrize(
    ("defaults", "device"), [({}, "eth0"), ({"b": ["gateway"]}, "eth1"), ({"a": ["dns"], "b": ["gateway"]}, "eth1")]
)
def test_the_default_route_is_the_directors_choice(defaults: dict[str, list[str]], device: str) -> None:
    networks = {"a": manual("10.1.0.5", default=defaults.get("a")), "b": manual("10.2.0.5", default=defaults.get("b"))}
    connection = connected(networks)
    assert [nic.device for nic in connection.nics if nic.default_route] == [device]
    assert connection.ip == next(nic.address.ip for nic in connection.nics if nic.device == device)


def test_dns_comes_from_the_network_chosen_for_it_or_the_configuration() -> None:
    networks = {"a": manual("10.1.0.5", dns=["1.1.1.1"]), "b": manual("10.2.0.5", dns=["2.2.2.2"], default=["dns"])}
    assert connected(networks).dns == ("2.2.2.2",)
    assert connected({"a": manual()}).dns == ("9.9.9.9",)


def test_dynamic_networks_get_the_lowest_free_address() -> None:
    [nic] = connected({"n": {"type": "dynamic"}}, taken=["10.9.0.2", "10.9.0.3"]).nics
    assert (nic.address, nic.subnet.gateway) == (IPv4Interface("10.9.0.4/29"), IPv4Address("10.9.0.1"))


def test_two_dynamic_networks_of_one_vm_differ() -> None:
    connection = connected({"a": {"type": "dynamic"}, "b": {"type": "dynamic"}})
    assert [str(nic.address.ip) for nic in connection.nics] == ["10.9.0.2", "10.9.0.3"]


def test_a_dynamic_range_may_be_the_networks_own() -> None:
    [nic] = connected({"n": {"type": "dynamic", "cloud_properties": {"range": "10.8.0.0/24"}}}).nics
    assert str(nic.address) == "10.8.0.2/24"


def test_vips_and_ports() -> None:
    networks = {"n": manual(), "v": {"type": "vip", "ip": "10.7.0.1"}}
    connection = connected(networks, {"ports": [{"host": 80}, {"host": 53, "container": 5353, "protocol": "udp"}]})
    assert connection.vips == (IPv4Address("10.7.0.1"),)
    assert connection.forwards == (Forward("tcp", 80, 80), Forward("udp", 53, 5353))


def test_outbound_can_be_closed() -> None:
    assert not connected({"n": manual(cloud_properties={"outbound": False})}).nics[0].subnet.outbound


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({}, "without a manual or dynamic network"),
        ({"v": {"type": "vip", "ip": "10.7.0.1"}}, "without a manual or dynamic network"),
        ({"n": manual(netmask=None)}, "no netmask"),
        ({"n": manual(netmask="nonsense")}, "nonsense"),
        ({"n": {"type": "manual", "netmask": "255.0.0.0"}}, "cannot connect network n"),
        ({"n": manual(gateway="10.2.0.1")}, "cannot be the gateway"),
        ({"n": manual(gateway="10.1.0.5")}, "cannot be the gateway"),
        ({"n": manual("10.1.0.9")}, "belongs to another VM"),
        ({"a": manual(), "b": manual()}, "belongs to another VM"),
        ({"n": manual(), "v": {"type": "vip", "ip": "10.1.0.9"}}, "belongs to another VM"),
        ({"n": manual(), "v": {"type": "vip"}}, "cannot connect network v"),
        ({"n": {"type": "dynamic", "cloud_properties": {"range": "10.1.0.8/30"}}}, "no free address"),
    ],
)
def test_refusals(networks: Any, message: str) -> None:
    with pytest.raises(CloudFailed, match=message):
        connected(networks, taken=["10.1.0.9", "10.1.0.10"])


@pytest.mark.parametrize("network", [manual("fd00::1"), {"type": "avian"}])
def test_what_container_vms_do_not_have(network: Any) -> None:
    with pytest.raises(NotSupported):
        connected({"n": network})


@pytest.mark.parametrize(
    "port",
    [
        {},
        {"host": 0},
        {"host": 70000},
        {"host": "x"},
        {"host": 1, "protocol": "sctp"},
        80,
        {"host": 1, "container": -1},
    ],
)
def test_ports_that_make_no_sense(port: Any) -> None:
    with pytest.raises(CloudFailed, match="port"):
        connected({"n": manual()}, {"ports": [port]})


def test_settings_say_what_came_to_be() -> None:
    networks: dict[str, Any] = {"n": {"type": "dynamic", "dns": ["x"]}, "v": {"type": "vip", "ip": "10.7.0.1"}}
    settings = as_settings(networks, connected(networks))
    assert settings == {
        "n": {
            "type": "dynamic",
            "dns": ["x"],
            "ip": "10.9.0.2",
            "netmask": "255.255.255.248",
            "gateway": "10.9.0.1",
            "mac": "02:01:23:45:67:00",
            "preconfigured": True,
        },
        "v": {"type": "vip", "ip": "10.7.0.1"},
    }
