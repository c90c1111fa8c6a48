from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.manifest.model import GroupNetwork, MigratedFrom
from bosh.plan.addresses import AddressBook
from bosh.plan.errors import (
    AddressesCannotBeMatched,
    IgnoredInstancesModification,
    InvalidAvailabilityZone,
    InvalidMigration,
    InvalidStaticAddresses,
    StaticAddressCountMismatch,
    StaticAddressInWrongZone,
)
from bosh.plan.model import CurrentDisk, Reservation
from bosh.plan.placement import bootstrap_position, existing_of, indexes, place
from bosh.testing import builders as b


def placed(group, *existing, networks=None, ranks=None):
    nets = {one.name: one for one in networks or [b.network()]}
    return place(group, existing, AddressBook(nets, {}), networks=nets, ranks=ranks)


def summary(placement) -> str:
    """``z1:0 z2:new -3``: kept by index, new, obsolete."""
    slots = [f"{slot.az}:{slot.existing.index if slot.existing else 'new'}" for slot in placement.slots]
    return " ".join([*slots, *(f"-{one.index}" for one in placement.obsolete)])


def at(index: int, az: str = "", *, disk: bool = False, ignored: bool = False, **rest):
    disks = (CurrentDisk(f"disk-{index}", 100, {}),) if disk else ()
    return b.instance(index + 1, az=az, disks=disks, ignored=ignored, **rest)


@pytest.mark.parametrize(
    ("wanted", "azs", "existing", "expected"),
    [
        pytest.param(3, "", [], ":new :new :new", id="without zones, three new ones"),
        pytest.param(3, "z1 z2", [], "z1:new z2:new z1:new", id="new ones go round the zones"),
        pytest.param(2, "", [at(0), at(1)], ":0 :1", id="whoever is there stays"),
        pytest.param(1, "", [at(0), at(1), at(2)], ":0 -1 -2", id="the highest indexes go"),
        pytest.param(2, "z1 z2", [at(0, "z1"), at(1, "z1"), at(2, "z2")], "z1:0 z2:2 -1", id="shrinking keeps the balance"),
        pytest.param(3, "z1 z2", [at(0, "z1"), at(1, "z1"), at(2, "z1")], "z1:0 z1:1 z2:new -2", id="a new zone draws instances"),
        pytest.param(
            3, "z1 z2", [at(0, "z1", disk=True), at(1, "z1", disk=True), at(2, "z1", disk=True)], "z1:0 z1:1 z1:2",
            id="disks hold instances in their zone, balanced or not",
        ),
        pytest.param(2, "z2", [at(0, "z1", disk=True), at(1, "z2")], "z2:1 z2:new -0", id="a zone taken away loses its instances, disks too"),
        pytest.param(1, "z1 z2", [at(0, "z1"), at(1, "z2", disk=True)], "z2:1 -0", id="an instance with a disk outlasts one without"),
        pytest.param(1, "z1 z2", [at(0, "z1", disk=True), at(1, "z2", ignored=True)], "z2:1 -0", id="an ignored one outlasts all"),
        pytest.param(2, "z1 z2 z3", [at(0, "z3"), at(1, "z2")], "z3:0 z2:1", id="among equal zones those with instances win"),
        pytest.param(1, "z1", [at(0, "")], "z1:new -0", id="an instance without a zone cannot stay once zones are named"),
        pytest.param(0, "z1", [at(0, "z1")], "-0", id="none wanted, all go"),
    ],
)  # fmt: skip
def test_place(wanted: int, azs: str, existing, expected: str) -> None:
    group = b.group("web", wanted, azs=tuple(azs.split()), persistent_disks=(b.disk(100),))
    assert summary(placed(group, *existing)) == expected


def test_disks_that_are_no_longer_wanted_hold_no_instance() -> None:
    group = b.group("web", 2, azs=("z1", "z2"))
    assert summary(placed(group, at(0, "z1", disk=True), at(1, "z1", disk=True))) == "z1:0 z2:new -1"


def test_chance_decides_between_equal_zones_when_asked() -> None:
    group = b.group("web", 1, azs=("z1", "z2"))
    assert summary(placed(group, ranks={"z1": "b", "z2": "a"})) == "z2:new"


# --- ignored --------------------------------------------------------------------------------------------------------------------------


def test_an_ignored_instance_forbids_other_networks() -> None:
    group = b.group("web", 1, networks=("default", "extra"))
    with pytest.raises(IgnoredInstancesModification) as caught:
        placed(group, at(0, ignored=True), networks=[b.network(), b.network("extra", b.subnet("10.1.0.0/24"))])
    assert caught.value.code == 190020


def test_a_dynamic_network_of_an_ignored_instance_does_not_count() -> None:
    group = b.group("web", 1, networks=("default", "extra"))
    one = at(0, ignored=True)
    assert summary(placed(group, one, networks=[b.network(), b.network("extra", type="dynamic")])) == ":0"


def test_an_ignored_instance_keeps_its_static_address() -> None:
    group = b.group("web", 1, networks=[GroupNetwork("default", ("10.0.0.50",))])
    other = at(0, ip="10.0.0.50")
    with pytest.raises(IgnoredInstancesModification, match="remove a static ip"):
        placed(group, other, at(1, ignored=True, ip="10.0.0.51"))


# --- static addresses -----------------------------------------------------------------------------------------------------------------

ZONED = b.network("default", b.subnet("10.0.1.0/24", azs=["z1"]), b.subnet("10.0.2.0/24", azs=["z2"]), b.subnet("10.0.3.0/24", azs=["z1", "z2"]))  # fmt: skip


def static(*ips: str, azs: str = "z1 z2", instances: int | None = None):
    return b.group(
        "web",
        len(ips) if instances is None else instances,
        azs=tuple(azs.split()),
        networks=[GroupNetwork("default", ips)],
    )


def taken(placement) -> list[str]:
    return [
        f"{slot.az}:{slot.static['default']}:{slot.existing.index if slot.existing else 'new'}"
        for slot in placement.slots
    ]


def test_static_addresses_bind_zones_through_their_subnets() -> None:
    result = placed(static("10.0.1.5", "10.0.2.5", "10.0.1.6"), networks=[ZONED])
    assert taken(result) == ["z1:10.0.1.5:new", "z2:10.0.2.5:new", "z1:10.0.1.6:new"]


def test_an_address_that_two_zones_share_goes_where_it_is_needed() -> None:
    result = placed(static("10.0.3.5", "10.0.1.5"), networks=[ZONED])
    assert sorted(taken(result)) == ["z1:10.0.1.5:new", "z2:10.0.3.5:new"]


def test_the_holder_of_a_listed_address_stays_and_others_take_what_is_left() -> None:
    result = placed(
        static("10.0.1.6", "10.0.1.7"), at(0, "z1", ip="10.0.1.5"), at(1, "z1", ip="10.0.1.6"), networks=[ZONED]
    )
    assert taken(result) == ["z1:10.0.1.7:0", "z1:10.0.1.6:1"]


def test_an_instance_in_a_zone_without_addresses_left_goes() -> None:
    result = placed(static("10.0.2.5"), at(0, "z1", ip="10.0.1.5"), networks=[ZONED])
    assert (taken(result), [one.index for one in result.obsolete]) == (["z2:10.0.2.5:new"], [0])


def test_two_networks_must_offer_addresses_in_the_same_zones() -> None:
    other = b.network("other", b.subnet("10.1.1.0/24", azs=["z1"]), b.subnet("10.1.2.0/24", azs=["z2"]))
    both = [GroupNetwork("default", ("10.0.1.5", "10.0.3.5")), GroupNetwork("other", ("10.1.1.5", "10.1.2.5"))]
    result = placed(b.group("web", 2, azs=("z1", "z2"), networks=both), networks=[ZONED, other])
    assert {slot.az: dict(slot.static) for slot in result.slots} == {
        "z1": {"default": "10.0.1.5", "other": "10.1.1.5"},
        "z2": {"default": "10.0.3.5", "other": "10.1.2.5"},
    }
    lopsided = [both[0], GroupNetwork("other", ("10.1.2.5", "10.1.2.6"))]
    with pytest.raises(StaticAddressCountMismatch, match="evenly distribute"):
        placed(b.group("web", 2, azs=("z1", "z2"), networks=lopsided), networks=[ZONED, other])


@pytest.mark.parametrize(
    ("group", "error", "code"),
    [
        pytest.param(
            static("10.0.1.5", instances=2), StaticAddressCountMismatch, 150002, id="fewer addresses than instances"
        ),
        pytest.param(static("10.9.9.9"), InvalidStaticAddresses, 150009, id="an address in no subnet"),
        pytest.param(static("10.0.1.5", azs="z2"), StaticAddressInWrongZone, 150007, id="an address in no wanted zone"),
        pytest.param(
            static("10.0.1.5", azs=""), InvalidAvailabilityZone, 140016, id="zones of subnets, none of the group"
        ),
    ],
)
def test_static_addresses_that_cannot_be(group, error: type[Exception], code: int) -> None:
    with pytest.raises(error) as caught:
        placed(group, networks=[ZONED])
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_a_holder_whose_zone_does_not_have_the_address_is_refused() -> None:
    with pytest.raises(AddressesCannotBeMatched) as caught:
        placed(static("10.0.2.5"), at(0, "z1", ip="10.0.2.5"), networks=[ZONED])
    assert caught.value.code == 130010


# --- migration ------------------------------------------------------------------------------------------------------------------------


def migrating(*sources: MigratedFrom, azs: str = "z1 z2"):
    return b.group("db", 2, azs=tuple(azs.split()), migrated_from=sources)


def test_a_migrated_instance_takes_the_zone_its_source_is_said_to_have() -> None:
    group = migrating(MigratedFrom("old", "z2"))
    found = existing_of(group, b.desired(group), {"old": [at(0, name="old")]})
    assert [(one.group, one.az) for one in found] == [("old", "z2")]


@pytest.mark.parametrize(
    ("groups", "existing", "text"),
    [
        pytest.param([migrating(MigratedFrom("old"))], at(0, name="old"), "is not specified", id="a zone must be named when the source had none"),
        pytest.param([migrating(MigratedFrom("old", "z2"))], at(0, "z1", name="old"), "manifest specifies 'z2'", id="the named zone must be the real one"),
        pytest.param([migrating(MigratedFrom("old")), b.group("old")], at(0, "z1", name="old"), "Please remove instance group 'old'", id="the source must be gone"),
        pytest.param([migrating(MigratedFrom("old")), replace(migrating(MigratedFrom("old")), name="db2")], at(0, "z1", name="old"), "only one instance group", id="one source, one taker"),
    ],
)  # fmt: skip
def test_migrations_that_cannot_be(groups, existing, text: str) -> None:
    with pytest.raises(InvalidMigration, match=text) as caught:
        existing_of(groups[0], b.desired(*groups), {"old": [existing]})
    assert caught.value.code == 190018


def test_a_group_may_name_itself_as_its_source() -> None:
    group = migrating(MigratedFrom("db"))
    one = at(0, "z1", name="db")
    assert existing_of(group, b.desired(group), {"db": [one]}) == [one]


# --- numbers --------------------------------------------------------------------------------------------------------------------------


def test_new_instances_take_the_lowest_free_index_and_obsolete_ones_still_hold_theirs() -> None:
    existing = [at(0), at(2), at(4)]
    result = placed(b.group("web", 5), *existing[:2])
    assert indexes("web", result.slots, existing) == [0, 2, 1, 3, 5]


def test_a_migrated_instance_gets_a_new_index() -> None:
    existing = [at(3, name="old")]
    result = placed(b.group("web", 1), *existing)
    assert indexes("web", result.slots, existing) == [0]


@pytest.mark.parametrize(
    ("bootstraps", "expected"),
    [
        pytest.param([], 0, id="nobody was: the lowest index is"),
        pytest.param([1], 1, id="who is stays it"),
        pytest.param([0, 2], 0, id="of several the lowest index"),
    ],
)
def test_bootstrap(bootstraps: list[int], expected: int) -> None:
    existing = [replace(at(index), bootstrap=index in bootstraps) for index in range(3)]
    slots = placed(b.group("web", 3), *existing).slots
    assert bootstrap_position(slots, [0, 1, 2]) == expected


def test_no_instances_no_bootstrap() -> None:
    assert bootstrap_position([], []) is None


# --- always ---------------------------------------------------------------------------------------------------------------------------

ZONES = ("z1", "z2", "z3")


@given(
    st.integers(0, 12),
    st.sampled_from([ZONES[:count] for count in range(1, 4)]),
    st.lists(st.tuples(st.sampled_from(ZONES), st.booleans()), max_size=10),
)
def test_placement_is_complete_balanced_and_stable(wanted: int, azs, rows) -> None:
    existing = [at(index, az, disk=disk) for index, (az, disk) in enumerate(rows)]
    group = b.group("web", wanted, azs=azs, persistent_disks=(b.disk(100),))
    result = placed(group, *existing)
    kept = [slot.existing.id for slot in result.slots if slot.existing]
    assert len(result.slots) == wanted
    assert sorted([*kept, *(one.id for one in result.obsolete)]) == sorted(one.id for one in existing)
    assert all(slot.az in azs and (slot.existing is None or slot.existing.az == slot.az) for slot in result.slots)
    weights = Counter(dict.fromkeys(azs, 0))
    weights.update(slot.az for slot in result.slots)
    movable = {slot.az for slot in result.slots if not (slot.existing and slot.existing.disks)}
    assert all(weights[az] - min(weights.values()) <= 1 for az in movable)
    number = indexes("web", result.slots, existing)
    again = [
        slot.existing or at(index, slot.az, id=f"new-{index}") for slot, index in zip(result.slots, number, strict=True)
    ]
    second = placed(group, *again)
    assert not second.obsolete
    assert all(slot.existing for slot in second.slots)


@given(
    st.permutations(["10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.3.5"]), st.sets(st.sampled_from([5, 6, 7]), max_size=3)
)
def test_every_static_address_is_given_once(ips: list[str], held: set[int]) -> None:
    existing = [
        replace(at(number, "z1"), reservations=(Reservation("default", f"10.0.1.{number}", "static"),))
        for number in held
    ]
    result = placed(static(*ips), *existing, networks=[ZONED])
    assert sorted(slot.static["default"] for slot in result.slots) == sorted(ips)


def test_a_holder_in_one_network_needs_an_address_in_the_other() -> None:
    other = b.network("other", b.subnet("10.1.2.0/24", azs=["z2"]))
    both = [GroupNetwork("default", ("10.0.1.5",)), GroupNetwork("other", ("10.1.2.5",))]
    group = b.group("web", 1, azs=("z1", "z2"), networks=both)
    with pytest.raises(
        AddressesCannotBeMatched, match="network 'other' has no static address left in availability zone 'z1'"
    ):
        placed(group, at(0, "z1", ip="10.0.1.5"), networks=[ZONED, other])
