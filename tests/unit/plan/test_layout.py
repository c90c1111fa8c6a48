from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bosh.manifest.model import Az, Catalog, Features, LinkSpec, StemcellImage, VmRequest
from bosh.plan.check import check
from bosh.plan.decide import decide
from bosh.plan.errors import IgnoredInstancesDeletion, JobInstanceIgnored, PackageCollision, PackageDependencyMissing
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, DnsIds, Layout, Options
from bosh.testing import builders as b


def laid(*groups, current: Current | None = None, options: Options | None = None, **rest) -> Layout:
    return lay_out(
        b.desired(*groups, **rest), current or b.nothing(), options=options or Options(), ids=b.CountingIds(100)
    )


def test_an_instance_knows_its_group_zone_and_cloud() -> None:
    group = b.group(
        "web",
        azs=("z1",),
        vm=b.vm("small", memory_mb=512, zone="mine"),
        tags={"team": "shop"},
        env={"bosh": {"password": "x"}},
        persistent_disks=(b.disk(100),),
    )
    zone = Az("z1", "west", {"zone": "theirs", "rack": 1})
    (one,) = laid(group, azs=[zone], tags={"team": "all", "owner": "me"}).instances
    assert one.cpi == "west"
    assert one.cloud_properties == {"zone": "mine", "rack": 1, "memory_mb": 512}
    assert one.tags == {"team": "shop", "owner": "me"}
    assert (one.env, one.disks, one.state, one.bootstrap) == (
        {"bosh": {"password": "x"}},
        (b.disk(100),),
        "started",
        True,
    )
    assert one.label == f"web/{one.id} (0)"


def test_resources_have_no_cloud_properties_until_a_cloud_translated_them() -> None:
    group = b.group("web", azs=("z1",), vm=VmRequest(vm_resources={"cpu": 1, "ram": 512, "ephemeral_disk_size": 1000}))
    (one,) = laid(group, azs=[Az("z1", cloud_properties={"zone": "a"})]).instances
    assert one.cloud_properties == {}


def test_the_stemcell_has_the_name_it_has_on_the_zones_cpi() -> None:
    there = StemcellImage("bosh-aws-ubuntu-noble", "ubuntu-noble", "1.2", "ami-1", "aws", api_version=3)
    world = b.nothing(catalog=Catalog(stemcells=(StemcellImage(b.STEMCELL.name, "ubuntu-noble", "1.2", "s-1"), there)))
    one, two = laid(b.group("web", 2, azs=("z1", "z2")), azs=[Az("z1"), Az("z2", "aws")], current=world).instances
    assert [one.stemcell.name, two.stemcell.name] == [b.STEMCELL.name, "bosh-aws-ubuntu-noble"]
    assert two.stemcell.api_version == 3


def test_states_asked_for_win_over_recorded_ones() -> None:
    world = b.current(b.instance(1, state="stopped"), b.instance(2, state="stopped"))
    asked = Options(states={world.instances[1].id: "started"})
    assert [one.state for one in laid(b.group("web", 2), current=world, options=asked).instances] == [
        "stopped",
        "started",
    ]


def test_states_of_the_manifest_win_over_recorded_ones_and_single_ones_over_the_groups() -> None:
    world = b.current(b.instance(1), b.instance(2), b.instance(3))
    written = {"1": "detached", world.instances[2].id: "started"}
    group = b.group("web", 3, state="stopped", instance_states=written)
    asked = Options(states={})
    assert [one.state for one in laid(group, current=world, options=asked).instances] == [
        "stopped",
        "detached",
        "started",
    ]


@pytest.mark.parametrize("field", ["states", "recreate", "restart"])
def test_an_ignored_instance_may_not_be_named(field: str) -> None:
    world = b.current(b.instance(1, ignored=True))
    one = world.instances[0].id
    asked = Options(**{field: {one: "stopped"} if field == "states" else frozenset({one})})  # type: ignore[arg-type]
    with pytest.raises(JobInstanceIgnored) as caught:
        laid(b.group("web"), current=world, options=asked)
    assert caught.value.code == 140021


def test_nor_may_the_manifest_name_it() -> None:
    world = b.current(b.instance(1, ignored=True))
    with pytest.raises(JobInstanceIgnored):
        laid(b.group("web", instance_states={"0": "stopped"}), current=world)


def test_a_group_with_an_ignored_instance_may_not_go() -> None:
    with pytest.raises(IgnoredInstancesDeletion):
        laid(b.group("api"), current=b.current(b.instance(1, ignored=True)))


def test_packages_are_those_the_jobs_list() -> None:
    spec = b.job_spec("web", packages=["ruby", "app"])
    app = b.package("app", "openssl")
    releases = [b.release(jobs=[spec], packages=[app, b.package("ruby"), b.package("openssl")])]
    (one,) = laid(b.group(jobs=[b.job(spec)]), releases=releases).instances
    assert [package.name for package in one.packages] == ["app", "ruby"]


def test_a_job_may_not_list_a_package_its_release_lacks() -> None:
    spec = b.job_spec("web", packages=["ruby"])
    with pytest.raises(PackageDependencyMissing):
        laid(b.group(jobs=[b.job(spec)]), releases=[b.release(jobs=[spec])])


def test_two_releases_may_bring_the_same_package_but_not_different_ones_of_a_name() -> None:
    one, two = b.job_spec("a", release="x", packages=["p"]), b.job_spec("b", release="y", packages=["p"])
    group = b.group(jobs=[b.job(one), b.job(two)])
    same = [
        b.release(of, jobs=[spec], packages=[b.package("p", release=of, content="1")])
        for of, spec in (("x", one), ("y", two))
    ]
    assert len(laid(group, releases=same).instances[0].packages) == 1
    other = [same[0], b.release("y", jobs=[two], packages=[b.package("p", release="y", content="2")])]
    with pytest.raises(PackageCollision) as caught:
        laid(group, releases=other)
    assert caught.value.code == 80011


def test_everything_that_gets_a_name_gets_a_number_once() -> None:
    spec = b.job_spec("web", provides=[LinkSpec("conn", "http")])
    group = b.group("web", 2, azs=("z1", "z2"), jobs=[b.job(spec)])
    known = DnsIds(azs={"z1": 7}, networks={"default": 3}, groups={("instance-group", "other", "x"): 9})
    result = laid(group, current=b.nothing(dns_ids=known))
    ids = result.dns_ids
    assert (ids.azs, ids.networks) == ({"z1": 7, "z2": 8}, {"default": 3})
    assert ids.groups[("instance-group", "web", "shop")] != ids.groups[("link", "conn-http", "shop")]
    assert sorted(ids.instances.values()) == [1, 2]
    assert set(ids.groups.values()) == {9, 10, 11}
    rows = result.instances[0].jobs[0].link_group_names
    assert rows == ({"name": "conn", "type": "http", "group": str(ids.groups[("link", "conn-http", "shop")])},)


def test_hotswap_is_told_to_be_delete_create() -> None:
    notes = laid(b.group("web", update=b.update(vm_strategy="create-swap-delete"))).notes
    assert len(notes) == 1
    assert "web" in notes[0]


def test_chance_places_when_asked() -> None:
    group = b.group("web", 1, azs=("z1", "z2"))
    seen = {
        lay_out(
            b.desired(group, features=Features(randomize_az_placement=True)),
            b.nothing(),
            options=Options(),
            ids=_Backwards(odd),
        )
        .instances[0]
        .az
        for odd in (False, True)
    }
    assert seen == {"z1", "z2"}


class _Backwards:
    """Ids that sort upwards or downwards."""

    def __init__(self, down: bool) -> None:
        self._step, self._next = (-1, 900) if down else (1, 100)

    def uuid(self) -> str:
        self._next += self._step
        return f"00000000-0000-4000-8000-{self._next:012d}"


# --- always ---------------------------------------------------------------------------------------------------------------------------

groups = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 6),
        st.sampled_from([(), ("z1",), ("z1", "z2"), ("z3", "z1")]),
        st.sampled_from([0, 100, 200]),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda row: row[0],
)


def _wanted(rows, stemcell: str):
    return b.desired(
        *(
            b.group(
                name,
                count,
                azs=azs,
                persistent_disks=(b.disk(size),) if size else (),
                update=b.update("20%", "40%", serial=serial),
                stemcell=replace(b.STEMCELL, version=stemcell),
            )
            for name, count, azs, size, serial in rows
        ),
        networks=[b.network("default", b.subnet("10.0.0.0/25"))],
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(groups, st.sampled_from(["1.2", "1.3"])), min_size=1, max_size=4))
def test_any_history_of_deploys_gives_sound_plans_and_a_second_deploy_changes_nothing(history) -> None:
    world, ids, options = b.nothing(), b.CountingIds(), Options()
    for rows, stemcell in history:
        desired = _wanted(rows, stemcell)
        layout = lay_out(desired, world, options=options, ids=ids)
        plan = decide(desired, world, layout, b.rendered(layout), options=options)
        assert check(plan, layout, world) == []
        world = b.carried_out(plan, layout, world)
        b.check_consistent(world, desired.networks)
        again = lay_out(desired, world, options=options, ids=ids)
        assert again.instances == layout.instances
        assert decide(desired, world, again, b.rendered(again), options=options).empty


def test_five_hundred_linked_instances_are_laid_out_and_decided() -> None:
    specs = [
        b.job_spec(
            f"j{n}", packages=["p"], provides=[LinkSpec("l", f"t{n}")], consumes=[LinkSpec("m", f"t{(n + 1) % 5}")]
        )
        for n in range(5)
    ]
    wanted = b.desired(
        *(b.group(f"g{n}", 100, azs=("z1", "z2"), jobs=[b.job(spec)]) for n, spec in enumerate(specs)),
        networks=[b.network("default", b.subnet("10.0.0.0/16"))],
    )
    world, options = b.nothing(), Options()
    layout = lay_out(wanted, world, options=options, ids=b.CountingIds())
    plan = decide(wanted, world, layout, b.rendered(layout), options=options)
    assert len(plan.missing_vms) == 500
