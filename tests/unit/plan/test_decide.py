from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.plan.decide import decide
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, Options, Plan
from bosh.testing import builders as b
from bosh.wire.errors import BoshError, RpcTimeout


def planned(desired, world: Current | None = None, **options) -> Plan:
    world = world or b.nothing()
    opts = Options(**options)
    layout = lay_out(desired, world, options=opts, ids=b.CountingIds(50))
    return decide(desired, world, layout, b.rendered(layout), options=opts)


def deployed(desired) -> Current:
    layout = lay_out(desired, b.nothing(), options=Options(), ids=b.CountingIds())
    return b.carried_out(
        decide(desired, b.nothing(), layout, b.rendered(layout), options=Options()), layout, b.nothing()
    )


def mapped(world: Current, change) -> Current:
    return replace(world, instances=tuple(change(one) for one in world.instances))


WEB = b.desired(b.group("web", 3))


def test_a_first_deploy_makes_vms_and_updates_everyone() -> None:
    plan = planned(WEB)
    assert [step.instance.index for step in plan.missing_vms] == [0, 1, 2]
    assert [[step.instance.index for step in batch.steps] for batch in plan.groups[0].batches] == [[0], [1, 2]]
    assert not plan.empty


def test_nothing_to_do_says_what_was_looked_at() -> None:
    plan = planned(WEB, deployed(WEB))
    assert plan.empty
    assert plan.notes == ("web: 3 instances unchanged",)


def test_an_empty_group_is_mentioned() -> None:
    assert planned(b.desired(b.group("web", 0))).notes == ("web: no instances wanted, none exist",)


def test_specs_carry_what_was_rendered() -> None:
    (step,) = [step for batch in planned(b.desired(b.group("web"))).groups[0].batches for step in batch.steps]
    assert step.spec["configuration_hash"]
    assert step.spec["rendered_templates_archive"]["blobstore_id"].startswith("rendered-")


def test_an_instance_nobody_rendered_is_refused() -> None:
    layout = lay_out(WEB, b.nothing(), options=Options(), ids=b.CountingIds())
    with pytest.raises(BoshError, match="templates were not rendered"):
        decide(WEB, b.nothing(), layout, {}, options=Options())


def test_groups_that_are_gone_go_first_and_surplus_goes_with_its_group() -> None:
    world = deployed(b.desired(b.group("web", 3), b.group("old", 1)))
    plan = planned(b.desired(b.group("web", 1)), world)
    assert [one.reason for one in plan.deletions] == ["instance group 'old' is no longer in the manifest"]
    assert [one.instance.index for one in plan.groups[0].deletions] == [2, 1]
    assert not plan.groups[0].batches


def test_deletions_keep_the_pace_of_updates() -> None:
    world = deployed(b.desired(b.group("web", 9)))
    plan = planned(b.desired(b.group("web", 1, update=b.update("1", "50%"))), world)
    assert plan.groups[0].deletions_in_flight == 4


def test_surplus_of_a_migrated_group_belongs_to_its_taker() -> None:
    from bosh.manifest.model import MigratedFrom

    world = deployed(b.desired(b.group("old", 2)))
    plan = planned(b.desired(b.group("web", 1, migrated_from=(MigratedFrom("old"),))), world)
    assert plan.deletions == ()
    assert [(one.instance.group, one.instance.index) for one in plan.groups[0].deletions] == [("old", 1)]


@pytest.mark.parametrize(
    ("serial", "changed", "expected"),
    [
        pytest.param("ppp", "abc", "ab bc c", id="neighbours that need no order run together"),
        pytest.param("psp", "abc", "a b c", id="one that needs it stands alone"),
        pytest.param("ppp", "ac", "ac c", id="neighbours without changes are passed over"),
        pytest.param("psp", "ac", "a c", id="but not those that need order"),
        pytest.param("sss", "abc", "a b c", id="in manifest order"),
    ],
)
def test_groups_side_by_side(serial: str, changed: str, expected: str) -> None:
    def wanted(version: str):
        return b.desired(
            *(
                b.group(
                    name,
                    update=b.update(serial=kind == "s"),
                    stemcell=replace(b.STEMCELL, version=version if name in changed else "1.2"),
                )
                for name, kind in zip("abc", serial, strict=True)
            )
        )

    groups = planned(wanted("1.3"), deployed(wanted("1.2"))).groups
    pairs = [
        one.group + (groups[position + 1].group if one.parallel_with_next else "")
        for position, one in enumerate(groups)
    ]
    assert " ".join(pairs) == expected


# --- agents that are silent -----------------------------------------------------------------------------------------------------------


def silent(one):
    return replace(one, vm=replace(one.vm, responsive=False, job_state="")) if one.index == 1 else one


def test_a_silent_agent_stops_the_deploy() -> None:
    with pytest.raises(RpcTimeout, match=r"Timed out sending 'get_state' to instance: 'web/.*2'") as caught:
        planned(WEB, mapped(deployed(WEB), silent))
    assert caught.value.code == 450002
    assert "--fix" in caught.value.resolution


def test_a_fix_recreates_it() -> None:
    plan = planned(WEB, mapped(deployed(WEB), silent), fix=True)
    assert [(step.instance.index, step.method) for batch in plan.groups[0].batches for step in batch.steps] == [
        (1, "recreate")
    ]


def test_a_silent_agent_of_an_instance_that_goes_is_no_obstacle() -> None:
    plan = planned(b.desired(b.group("web", 1)), mapped(deployed(WEB), silent))
    assert [one.instance.index for one in plan.groups[0].deletions] == [2, 1]


def test_nor_is_one_that_is_ignored() -> None:
    world = mapped(deployed(WEB), lambda one: replace(silent(one), ignored=one.index == 1))
    assert planned(WEB, world).empty


# --- ignored, errands -----------------------------------------------------------------------------------------------------------------


def test_an_ignored_instance_is_left_without_a_vm_too() -> None:
    world = mapped(deployed(WEB), lambda one: replace(one, ignored=True, vm=None) if one.index == 0 else one)
    plan = planned(WEB, world)
    assert plan.empty
    assert plan.notes[0].endswith("ignored, left as it is")


ERRAND = b.desired(b.group("smoke", lifecycle="errand"))


def test_an_errand_is_remembered_and_gets_no_vm() -> None:
    plan = planned(ERRAND)
    assert plan.empty
    assert [one.spec["name"] for one in plan.errands] == ["smoke"]


def test_an_errand_that_was_kept_alive_is_updated() -> None:
    world = mapped(
        deployed(ERRAND),
        lambda one: replace(one, vm=b.current_vm(1, stemcell_version="1.1", network_settings=one.spec["networks"])),
    )
    plan = planned(ERRAND, world)
    assert [step.method for batch in plan.groups[0].batches for step in batch.steps] == ["recreate"]
    assert len(plan.errands) == 1


def test_an_errand_that_is_about_to_run_gets_its_vm_and_update() -> None:
    plan = planned(ERRAND, deployed(ERRAND), errands=frozenset({"smoke"}))
    assert [step.instance.group for step in plan.missing_vms] == ["smoke"]
    assert [step.method for batch in plan.groups[0].batches for step in batch.steps] == ["in_place"]


# --- disks and drains -----------------------------------------------------------------------------------------------------------------

DISKS = b.desired(b.group("db", persistent_disks=(b.disk(100),)))


def test_disks_are_kept_when_a_vm_is_recreated_or_missing() -> None:
    world = deployed(DISKS)
    lost = mapped(world, lambda one: replace(one, vm=None))
    for plan in (planned(DISKS, world, recreate=frozenset({"*"})), planned(DISKS, lost)):
        (step,) = plan.groups[0].batches[0].steps
        assert (step.create_disks, step.orphan_disks) == ((), ())
        assert [one.size_mb for one in step.keep_disks] == [100]


def test_disk_changes_wait_while_an_instance_is_stopped() -> None:
    world = deployed(DISKS)
    bigger = b.desired(b.group("db", persistent_disks=(b.disk(200),)))
    (step,) = planned(bigger, world, states={world.instances[0].id: "stopped"}).groups[0].batches[0].steps
    assert (step.method, step.create_disks, step.orphan_disks, len(step.keep_disks)) == ("stop", (), (), 1)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"*"}, True),
        ({"web"}, True),
        ({"web/00000000-0000-4000-8000-000000000050"}, True),
        ({"db"}, False),
        (set(), False),
    ],
)
def test_skip_drain(names: set[str], expected: bool) -> None:
    (step,) = planned(b.desired(b.group("web")), skip_drain=frozenset(names)).groups[0].batches[0].steps
    assert step.skip_drain == expected


def test_a_new_instance_may_begin_stopped() -> None:
    plan = planned(b.desired(b.group("web", state="stopped")))
    assert len(plan.missing_vms) == 1
    assert [step.method for step in plan.groups[0].batches[0].steps] == ["stop"]


def test_or_detached_without_a_vm() -> None:
    plan = planned(b.desired(b.group("web", state="detached")))
    assert plan.missing_vms == ()
    assert [step.method for step in plan.groups[0].batches[0].steps] == ["detach"]


# --- remembering ----------------------------------------------------------------------------------------------------------------------


def test_what_only_the_memory_holds_is_refreshed_and_nothing_is_done() -> None:
    world = deployed(WEB)
    plan = planned(b.desired(b.group("web", 3, update=b.update("2", "5"))), world)
    assert plan.empty
    assert [one.instance_id for one in plan.refreshed] == [one.id for one in world.instances]
    old, new = world.instances[0].spec, plan.refreshed[0].spec
    assert new == {**old, "update": {**old["update"], "canaries": "2", "max_in_flight": "5"}}


def test_nothing_is_refreshed_when_all_is_as_remembered_and_what_others_remember_stays() -> None:
    world = mapped(deployed(WEB), lambda one: replace(one, spec={**one.spec, "more": 1}))
    assert planned(WEB, world).refreshed == ()
    assert planned(b.desired(b.group("web", 3, update=b.update("2"))), world).refreshed[0].spec["more"] == 1


def test_an_instance_that_never_finished_and_is_stopped_waits() -> None:
    world = mapped(
        deployed(b.desired(b.group("web"))),
        lambda one: replace(
            one,
            spec={},
            state="stopped",
            vm=b.current_vm(1, job_state="stopped", network_settings=one.vm.network_settings),
        ),
    )
    plan = planned(b.desired(b.group("web")), world)
    assert plan.empty
    assert plan.notes[0].endswith("stopped, changes wait until it is started (new)")
