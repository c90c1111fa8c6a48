from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.manifest.model import GroupNetwork, Network, Subnet
from bosh.plan.errors import (
    InvalidStaticAddresses,
    StaticAddressesNotSupported,
    SubnetWithoutZone,
    VipMisconfigured,
)
from bosh.plan.layout import lay_out
from bosh.plan.model import Options, Reservation
from bosh.plan.seats import defaults_of
from bosh.testing import builders as b
from bosh.wire.errors import NetworkReservationNotEnoughCapacity


def laid(group, *existing, networks=None, **rest):
    world = b.current(*existing) if existing else b.nothing()
    desired = b.desired(group, networks=networks or [b.network()])
    return lay_out(desired, replace(world, **rest), options=Options(), ids=b.CountingIds(100)).instances


def ips(instances) -> list[str]:
    return [",".join(held.ip for held in one.reservations) for one in instances]


# --- settings -------------------------------------------------------------------------------------------------------------------------


def test_settings_of_a_manual_network() -> None:
    nets = [b.network("my_net", b.subnet("10.0.0.0/24", zone="a"))]
    (one,) = laid(b.group("web", networks=["my_net"]), networks=nets)
    assert one.network_settings == {
        "my_net": {
            "type": "manual",
            "ip": "10.0.0.2",
            "prefix": "32",
            "netmask": "255.255.255.0",
            "gateway": "10.0.0.1",
            "dns": ["8.8.8.8"],
            "default": ["dns", "gateway"],
            "cloud_properties": {"zone": "a"},
            "dns_record_name": f"{one.id}.web.my-net.shop.bosh",
        }
    }


def test_settings_of_a_manual_network_of_ipv6() -> None:
    (one,) = laid(b.group("web"), networks=[b.network("default", b.subnet("2001:db8::/64"))])
    settings = one.network_settings["default"]
    assert (settings["ip"], settings["netmask"], settings["prefix"]) == ("2001:db8::2", "ffff:ffff:ffff:ffff::", "128")


def test_settings_of_a_dynamic_network_have_the_zones_subnet_and_no_address_yet() -> None:
    net = Network(
        "default",
        "dynamic",
        (
            Subnet(dns=("1.1.1.1",), azs=("z1",), cloud_properties={"a": 1}),
            Subnet(azs=("z2",), cloud_properties={"a": 2}),
        ),
    )
    one, two = laid(b.group("web", 2, azs=("z1", "z2")), networks=[net])
    assert one.network_settings["default"] == {
        "type": "dynamic",
        "prefix": "32",
        "dns": ["1.1.1.1"],
        "default": ["dns", "gateway"],
        "cloud_properties": {"a": 1},
        "dns_record_name": f"{one.id}.web.default.shop.bosh",
    }
    assert two.network_settings["default"]["cloud_properties"] == {"a": 2}
    assert ips([one]) == [""]


def test_a_dynamic_network_remembers_what_the_vm_said() -> None:
    said = {"default": {"type": "dynamic", "ip": "172.16.0.9", "netmask": "255.255.0.0", "gateway": "172.16.0.1"}}
    existing = b.instance(
        ip="", reservations=(Reservation("default", "172.16.0.9", "dynamic"),), vm=b.current_vm(network_settings=said)
    )
    (one,) = laid(b.group("web"), existing, networks=[Network("default", "dynamic", (Subnet(),))])
    assert {key: one.network_settings["default"][key] for key in ("ip", "netmask", "gateway")} == {
        "ip": "172.16.0.9",
        "netmask": "255.255.0.0",
        "gateway": "172.16.0.1",
    }


def test_a_dynamic_network_needs_a_subnet_for_the_zone() -> None:
    with pytest.raises(SubnetWithoutZone) as caught:
        laid(b.group("web", azs=("z2",)), networks=[Network("default", "dynamic", (Subnet(azs=("z1",)),))])
    assert caught.value.code == 160009


def test_a_dynamic_network_knows_no_static_addresses() -> None:
    group = b.group("web", networks=[GroupNetwork("cloud", ("10.1.0.5",))])
    with pytest.raises(StaticAddressesNotSupported) as caught:
        laid(group, networks=[Network("cloud", "dynamic", (Subnet(),))])
    assert caught.value.code == 150008


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        pytest.param(
            [GroupNetwork("a")], {"dns": "a", "gateway": "a"}, id="one network is the default for dns and gateway"
        ),
        pytest.param(
            [GroupNetwork("a", default=("addressable",))],
            {"dns": "a", "gateway": "a", "addressable": "a"},
            id="and for addressable when it says so",
        ),
        pytest.param(
            [GroupNetwork("a", default=("dns",)), GroupNetwork("b", default=("gateway", "addressable"))],
            {"dns": "a", "gateway": "b", "addressable": "b"},
            id="several networks say it themselves",
        ),
    ],
)
def test_defaults(networks, expected: dict[str, str]) -> None:
    assert defaults_of(b.group("web", networks=networks)) == expected


def test_the_addressable_network_gives_the_address() -> None:
    group = b.group(
        "web",
        networks=[GroupNetwork("a", default=("dns", "gateway")), GroupNetwork("b", default=("addressable",))],
    )
    (one,) = laid(group, networks=[b.network("a"), b.network("b", b.subnet("10.1.0.0/24"))])
    assert (one.address, one.ip) == ("10.1.0.2", "10.1.0.2")
    assert [one.network_settings[name]["default"] for name in ("a", "b")] == [["dns", "gateway"], ["addressable"]]


def test_networks_on_one_nic_say_so() -> None:
    (one,) = laid(b.group("web", networks=[GroupNetwork("default", nic_group="1")]))
    assert one.network_settings["default"]["nic_group"] == "1"


# --- addresses kept and given ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subnet", "held", "expected"),
    [
        pytest.param(b.subnet("10.0.0.0/24"), Reservation("default", "10.0.0.7"), "10.0.0.7", id="what fits is kept"),
        pytest.param(b.subnet("10.0.0.0/24"), Reservation("gone", "10.0.0.7"), "10.0.0.7", id="under whatever network name it was had"),
        pytest.param(b.subnet("10.0.0.0/24", reserved=["10.0.0.7"]), Reservation("default", "10.0.0.7"), "10.0.0.2", id="now reserved"),
        pytest.param(b.subnet("10.0.0.0/24", static=["10.0.0.7"]), Reservation("default", "10.0.0.7"), "10.0.0.2", id="now static"),
        pytest.param(b.subnet("10.0.1.0/24"), Reservation("default", "10.0.0.7"), "10.0.1.2", id="now outside"),
        pytest.param(b.subnet("10.0.0.0/24"), Reservation("default", "10.0.0.1"), "10.0.0.2", id="now the gateway"),
    ],
)  # fmt: skip
def test_an_automatic_address_is_kept_while_it_fits(subnet, held: Reservation, expected: str) -> None:
    assert ips(laid(b.group("web"), b.instance(reservations=(held,)), networks=[b.network("default", subnet)])) == [
        expected
    ]


def test_two_networks_of_a_group_do_not_keep_the_same_address() -> None:
    both = b.group(
        "web", networks=[GroupNetwork("a", default=("dns", "gateway")), GroupNetwork("b", default=("addressable",))]
    )
    held = (Reservation("b", "10.0.0.7"),)
    nets = [b.network("a"), b.network("b")]
    (one,) = laid(both, b.instance(reservations=held), networks=nets)
    assert len({held.ip for held in one.reservations}) == 2


def test_addresses_of_others_are_not_given() -> None:
    assert ips(laid(b.group("web", 2), taken_addresses={"10.0.0.2": "other"})) == ["10.0.0.3", "10.0.0.4"]


def test_an_obsolete_instances_address_is_not_given_away_yet() -> None:
    existing = [b.instance(1), b.instance(2)]
    group = b.group("api", 1)
    assert ips(laid(group, *existing)) == ["10.0.0.4"]


def test_a_full_subnet_says_where_it_looked() -> None:
    with pytest.raises(NetworkReservationNotEnoughCapacity, match=r"10\.0\.0\.0/30") as caught:
        laid(b.group("web", 3), networks=[b.network("default", b.subnet("10.0.0.0/30"))])
    assert caught.value.code == 130011


def test_a_network_without_a_subnet_for_the_zone_says_so() -> None:
    with pytest.raises(SubnetWithoutZone, match="availability zone 'z9'"):
        laid(b.group("web", azs=("z9",)), networks=[b.network("default", b.subnet(azs=["z1"]))])


def test_a_network_that_gives_prefixes() -> None:
    nets = [b.network(), b.network("pods", replace(b.subnet("10.1.0.0/24"), prefix=28))]
    both = [GroupNetwork("default", default=("dns", "gateway")), GroupNetwork("pods")]
    (one,) = laid(b.group("web", networks=both), networks=nets)
    assert ips([one]) == ["10.0.0.2,10.1.0.16/28"]
    assert {key: one.network_settings["pods"][key] for key in ("ip", "prefix")} == {"ip": "10.1.0.16", "prefix": "28"}
    held = b.instance(reservations=(Reservation("default", "10.0.0.2"), Reservation("pods", "10.1.0.32/28")))
    assert ips(laid(b.group("web", networks=both), held, networks=nets)) == ["10.0.0.2,10.1.0.32/28"]


# --- vip ------------------------------------------------------------------------------------------------------------------------------

VIP = Network("public", "vip", cloud_properties={"pool": "x"})


def with_vip(*ips_: str, instances: int = 1):
    return b.group(
        "web", instances, networks=[GroupNetwork("default", default=("dns", "gateway")), GroupNetwork("public", ips_)]
    )


def test_settings_of_a_vip_network() -> None:
    (one,) = laid(with_vip("203.0.113.5"), networks=[b.network(), VIP])
    assert one.network_settings["public"] == {
        "type": "vip",
        "ip": "203.0.113.5",
        "prefix": "32",
        "cloud_properties": {"pool": "x"},
        "dns_record_name": f"{one.id}.web.public.shop.bosh",
    }


def test_a_vip_stays_with_its_holder() -> None:
    existing = [
        b.instance(
            number, reservations=(Reservation("default", f"10.0.0.{number + 1}"), Reservation("public", ip, "vip"))
        )
        for number, ip in ((1, "203.0.113.6"), (2, "203.0.113.5"))
    ]
    group = with_vip("203.0.113.5", "203.0.113.6", "203.0.113.7", instances=3)
    assert ips(laid(group, *existing, networks=[b.network(), VIP])) == [
        "10.0.0.2,203.0.113.6",
        "10.0.0.3,203.0.113.5",
        "10.0.0.4,203.0.113.7",
    ]


def test_too_few_vips() -> None:
    with pytest.raises(InvalidStaticAddresses):
        laid(with_vip("203.0.113.5", instances=2), networks=[b.network(), VIP])


def test_a_vip_network_of_the_cloud_config_gives_the_addresses() -> None:
    pool = Network("public", "vip", (Subnet(static=b.spans("203.0.113.5-203.0.113.6")),))
    group = with_vip(instances=2)
    nets = [b.network(), pool]
    first = laid(group, networks=nets)
    assert ips(first) == ["10.0.0.2,203.0.113.5", "10.0.0.3,203.0.113.6"]
    existing = b.instance(
        1, reservations=(Reservation("default", "10.0.0.2"), Reservation("public", "203.0.113.6", "vip"))
    )
    assert ips(laid(with_vip(), existing, networks=nets)) == ["10.0.0.2,203.0.113.6"]
    with pytest.raises(NetworkReservationNotEnoughCapacity):
        laid(with_vip(instances=3), networks=nets)
    with pytest.raises(VipMisconfigured):
        laid(with_vip("203.0.113.5"), networks=nets)


def test_a_vip_pool_belongs_to_its_zones() -> None:
    pool = Network(
        "public",
        "vip",
        (Subnet(static=b.spans("203.0.113.5"), azs=("z1",)), Subnet(static=b.spans("203.0.113.9"), azs=("z2",))),
    )
    group = replace(with_vip(), azs=("z2",))
    assert ips(laid(group, networks=[b.network(), pool])) == ["10.0.0.2,203.0.113.9"]


def test_a_vip_that_was_had_is_no_address_of_a_manual_network() -> None:
    held = b.instance(reservations=(Reservation("public", "10.0.0.9", "vip"),))
    assert ips(laid(b.group("web"), held)) == ["10.0.0.2"]


def test_a_network_without_gateway_and_name_servers_has_none() -> None:
    bare = replace(b.subnet(dns=()), gateway="")
    (one,) = laid(b.group("web"), networks=[b.network("default", bare)])
    assert not {"gateway", "dns"} & set(one.network_settings["default"])
