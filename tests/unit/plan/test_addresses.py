from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.plan.addresses import AddressBook, Space, key_of, merged, span_around, text_of
from bosh.plan.errors import NotTheBaseAddress, ReservedAddress
from bosh.testing.builders import network, subnet
from bosh.wire.errors import BoshError, NetworkReservationAlreadyInUse, NetworkReservationIpOutsideSubnet


def book(*subnets, **in_use: str) -> AddressBook:
    held = {ip.replace("_", ".").lstrip("ip"): owner for ip, owner in in_use.items()}
    return AddressBook({"default": network("default", *subnets)}, held, names={"a": "instance 'web/a'"})


@pytest.mark.parametrize(
    ("subnet_", "held", "expected"),
    [
        pytest.param(subnet("10.0.0.0/24"), {}, "10.0.0.2", id="network id and gateway are skipped"),
        pytest.param(
            subnet("10.0.0.0/24", reserved=["10.0.0.2-10.0.0.9"]), {}, "10.0.0.10", id="a reserved range is jumped over"
        ),
        pytest.param(
            subnet("10.0.0.0/24", static=["10.0.0.2-10.0.0.4"]), {}, "10.0.0.5", id="static addresses are not given out"
        ),
        pytest.param(
            subnet("10.0.0.0/24"), {"10.0.0.2": "x", "10.0.0.3": "y"}, "10.0.0.4", id="addresses in use are skipped"
        ),
        pytest.param(subnet("10.0.0.0/30"), {"10.0.0.2": "x"}, "", id="the broadcast address is not given out"),
        pytest.param(subnet("2001:db8::/64"), {}, "2001:db8::2", id="a range of 2^64 is no trouble"),
        pytest.param(
            subnet("2001:db8::/64", reserved=["2001:db8::2-2001:db8::ffff:ffff"]),
            {},
            "2001:db8::1:0:0",
            id="a reserved range of 2^32 is no trouble",
        ),
    ],
)
def test_lowest_free(subnet_, held: dict[str, str], expected: str) -> None:
    assert AddressBook({"default": network("default", subnet_)}, held).lowest_free("default", "", "me") == expected


def test_lowest_free_goes_to_the_next_subnet_that_serves_the_zone() -> None:
    addresses = book(
        subnet("10.0.0.0/30", azs=["z1"]), subnet("10.0.1.0/24", azs=["z2"]), subnet("10.0.2.0/24", azs=["z1"])
    )
    assert [addresses.lowest_free("default", "z1", f"i{number}") for number in range(3)] == [
        "10.0.0.2",
        "10.0.2.2",
        "10.0.2.3",
    ]


def test_two_networks_over_one_range_never_give_the_same_address() -> None:
    addresses = AddressBook({"a": network("a", subnet("10.0.0.0/24")), "b": network("b", subnet("10.0.0.0/24"))}, {})
    given_out = [addresses.lowest_free(name, "", f"{name}{number}") for number in range(4) for name in ("a", "b")]
    assert len(set(given_out)) == 8


def test_ipv4_and_ipv6_with_the_same_number_are_two_addresses() -> None:
    assert key_of("0.0.0.1") != key_of("::1")


def test_an_address_in_use_is_refused_with_its_owner_as_a_person_knows_it() -> None:
    addresses = book(subnet(), ip10_0_0_5="a")
    with pytest.raises(
        NetworkReservationAlreadyInUse, match=r"'10\.0\.0\.5' for instance 'web/b'.*by instance 'web/a'"
    ) as caught:
        addresses.claim("10.0.0.5", "b", wanted_by="web/b")
    assert caught.value.code == 130008


def test_the_owner_may_claim_its_address_again() -> None:
    addresses = book(subnet(), ip10_0_0_5="a")
    addresses.claim("10.0.0.5", "a", wanted_by="web/a")


def test_a_static_address_outside_of_every_subnet_is_refused() -> None:
    with pytest.raises(NetworkReservationIpOutsideSubnet) as caught:
        book(subnet()).claim_static("default", "10.9.0.1", "a", wanted_by="web/a")
    assert caught.value.code == 130012


def test_a_static_address_in_a_reserved_range_is_refused() -> None:
    with pytest.raises(ReservedAddress) as caught:
        book(subnet(reserved=["10.0.0.7"])).claim_static("default", "10.0.0.7", "a", wanted_by="web/a")
    assert caught.value.code == 130013


def test_a_word_is_no_address() -> None:
    with pytest.raises(BoshError, match="cannot read address 'web'"):
        key_of("web")


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair)))))
def test_merged_intervals_hold_the_same_numbers(spans: list[tuple[int, int]]) -> None:
    numbers = {number for low, high in spans for number in range(low, high + 1)}
    result = merged(spans)
    assert {number for low, high in result for number in range(low, high + 1)} == numbers
    assert all(left[1] + 1 < right[0] for left, right in pairwise(result))
    for number in range(70):
        assert (span_around(result, number) is not None) == (number in numbers)


@given(st.sets(st.integers(0, 31)), st.sets(st.integers(0, 31)), st.integers(0, 31))
def test_lowest_free_is_the_lowest_of_what_is_left(reserved: set[int], used: set[int], static: int) -> None:
    cidr = subnet(
        "10.0.0.0/27",
        reserved=[f"10.0.0.{number}" for number in reserved],
        static=[f"10.0.0.{static}"],
    )
    addresses = AddressBook({"n": network("n", cidr)}, {f"10.0.0.{number}": "x" for number in used})
    left = sorted(set(range(32)) - reserved - used - {0, 1, 31, static})
    given_out = []
    while ip := addresses.lowest_free("n", "", "me"):
        given_out.append(key_of(ip)[1] & 31)
    assert given_out == left


def test_text_of_writes_ipv6_compressed() -> None:
    assert text_of(key_of("2001:0db8:0000:0000:0000:0000:0000:0010")) == "2001:db8::10"


def test_a_space_knows_what_may_be_held_automatically() -> None:
    space = Space.of(subnet("10.0.0.0/24", reserved=["10.0.0.9"], static=["10.0.0.20-10.0.0.29"], azs=["z1"]))
    held = {ip: space.automatic(ip) for ip in ("10.0.0.1", "10.0.0.9", "10.0.0.25", "10.0.0.30", "10.0.1.3")}
    assert held == {"10.0.0.1": False, "10.0.0.9": False, "10.0.0.25": False, "10.0.0.30": True, "10.0.1.3": False}
    assert [space.serves(az) for az in ("z1", "z2", "")] == [True, False, True]


# --- prefixes -------------------------------------------------------------------------------------------------------------------------


def prefixed(cidr: str, prefix: int, **rest):
    return replace(subnet(cidr, **rest), prefix=prefix)


@pytest.mark.parametrize(
    ("subnet_", "held", "expected"),
    [
        pytest.param(prefixed("10.0.0.0/24", 28), {}, "10.0.0.16/28", id="the prefix with gateway and network id is skipped"),
        pytest.param(prefixed("10.0.0.0/24", 28), {"10.0.0.16/28": "x"}, "10.0.0.32/28", id="a prefix in use"),
        pytest.param(prefixed("10.0.0.0/24", 28), {"10.0.0.20": "x"}, "10.0.0.32/28", id="an address in use inside"),
        pytest.param(prefixed("10.0.0.0/24", 28, reserved=["10.0.0.30-10.0.0.40"]), {}, "10.0.0.48/28", id="a reserved range across two"),
        pytest.param(prefixed("10.0.0.0/27", 28), {}, "", id="gateway and broadcast leave nothing"),
        pytest.param(prefixed("2001:db8::/48", 80), {}, "2001:db8:0:0:1::/80", id="prefixes of IPv6"),
        pytest.param(subnet("10.0.0.0/24"), {"10.0.0.0/28": "x"}, "10.0.0.16", id="an address is not given from a prefix in use"),
    ],
)  # fmt: skip
def test_lowest_free_prefix(subnet_, held: dict[str, str], expected: str) -> None:
    assert AddressBook({"default": network("default", subnet_)}, held).lowest_free("default", "", "me") == expected


def test_prefixes_are_given_one_after_another() -> None:
    addresses = book(prefixed("10.0.0.0/26", 28))
    assert [addresses.lowest_free("default", "", f"i{n}") for n in range(3)] == ["10.0.0.16/28", "10.0.0.32/28", ""]


def test_a_static_prefix_begins_at_its_first_address() -> None:
    addresses = book(prefixed("10.0.0.0/24", 28))
    assert addresses.claim_static("default", "10.0.0.32", "a", wanted_by="web/a") == "10.0.0.32/28"
    with pytest.raises(NotTheBaseAddress) as caught:
        addresses.claim_static("default", "10.0.0.33", "b", wanted_by="web/b")
    assert caught.value.code == 16015
    with pytest.raises(NetworkReservationAlreadyInUse):
        addresses.claim("10.0.0.40", "b", wanted_by="web/b")


def test_a_prefix_is_kept_only_where_prefixes_of_that_length_are_given() -> None:
    space = Space.of(prefixed("10.0.0.0/24", 28))
    assert [space.automatic(ip) for ip in ("10.0.0.16/28", "10.0.0.16", "10.0.0.0/28", "10.0.0.64/26")] == [
        True,
        False,
        False,
        False,
    ]


@given(st.sets(st.integers(2, 61)), st.sampled_from([28, 29, 30]))
def test_prefixes_never_touch_what_is_used(used: set[int], prefix: int) -> None:
    addresses = AddressBook({"n": network("n", prefixed("10.0.0.0/26", prefix))}, {f"10.0.0.{n}": "x" for n in used})
    size = 1 << (32 - prefix)
    blocks = [range(low, low + size) for low in range(0, 64, size)]
    free = [f"10.0.0.{block[0]}/{prefix}" for block in blocks if not {*block} & {*used, 0, 1, 63}]
    given_out = []
    while ip := addresses.lowest_free("n", "", "me"):
        given_out.append(ip)
    assert given_out == free


def test_a_subnet_without_a_gateway_gives_its_first_host() -> None:
    bare = replace(subnet("10.0.0.0/24"), gateway="")
    assert book(bare).lowest_free("default", "", "me") == "10.0.0.1"
