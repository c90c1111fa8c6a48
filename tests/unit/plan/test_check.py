from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.plan.check import check
from bosh.plan.decide import decide
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, DeleteInstance, Layout, Options, Plan, Reservation
from bosh.testing import builders as b

SPEC = b.job_spec("web", packages=["app"])
PACKAGES = [b.package("app", "lib"), b.package("lib")]


def wanted(**rest):
    group = b.group("web", 3, jobs=[b.job(SPEC)], azs=("z1", "z2"), persistent_disks=(b.disk(100),), **rest)
    return b.desired(group, releases=[b.release(jobs=[SPEC], packages=PACKAGES)])


def planned(desired, world: Current, **options) -> tuple[Plan, Layout, Current]:
    opts = Options(**options)
    layout = lay_out(desired, world, options=opts, ids=b.CountingIds(50))
    return decide(desired, world, layout, b.rendered(layout), options=opts), layout, world


def fresh() -> tuple[Plan, Layout, Current]:
    return planned(wanted(), b.nothing())


def again(**options) -> tuple[Plan, Layout, Current]:
    plan, layout, world = fresh()
    return planned(wanted(stemcell=replace(b.STEMCELL, version="1.3")), b.carried_out(plan, layout, world), **options)


def test_sound_plans_have_no_findings() -> None:
    assert check(*fresh()) == []
    assert check(*again()) == []


def layout_with(layout: Layout, position: int, **fields) -> Layout:
    instances = list(layout.instances)
    instances[position] = replace(instances[position], **fields)
    return replace(layout, instances=tuple(instances))


def step_with(plan: Plan, **fields) -> Plan:
    """The first step of the first batch changed."""
    group = plan.groups[0]
    batch = group.batches[0]
    steps = (replace(batch.steps[0], **fields), *batch.steps[1:])
    return batch_with(plan, 0, steps=steps)


def batch_with(plan: Plan, position: int, **fields) -> Plan:
    group = plan.groups[0]
    batches = list(group.batches)
    batches[position] = replace(batches[position], **fields)
    return replace(plan, groups=(replace(group, batches=tuple(batches)), *plan.groups[1:]))


def spoilt_address(plan, layout, world):
    return plan, layout_with(layout, 1, reservations=layout.instances[0].reservations), world


def spoilt_taken(plan, layout, world):
    return plan, layout, replace(world, taken_addresses={"10.0.0.2": "other"})


def spoilt_subnet(plan, layout, world):
    settings = {"default": {**layout.instances[0].network_settings["default"], "ip": "10.9.0.2"}}
    held = (Reservation("default", "10.9.0.2"),)
    return plan, layout_with(layout, 0, network_settings=settings, reservations=held), world


def spoilt_gateway(plan, layout, world):
    settings = {"default": {**layout.instances[0].network_settings["default"], "ip": "10.0.0.1"}}
    return plan, layout_with(layout, 0, network_settings=settings), world


def spoilt_id(plan, layout, world):
    return plan, layout_with(layout, 1, id=layout.instances[0].id), world


def spoilt_index(plan, layout, world):
    return plan, layout_with(layout, 1, index=0), world


def spoilt_bootstrap(plan, layout, world):
    return plan, layout_with(layout, 1, bootstrap=True), world


def spoilt_vm(plan, layout, world):
    return replace(plan, missing_vms=plan.missing_vms[1:]), layout, world


def spoilt_twice(plan, layout, world):
    return replace(plan, missing_vms=plan.missing_vms + plan.missing_vms[:1]), layout, world


def spoilt_update(plan, layout, world):
    return replace(plan, groups=()), layout, world


def spoilt_batches(plan, layout, world):
    batches = plan.groups[0].batches
    return replace(plan, groups=(replace(plan.groups[0], batches=batches + batches[-1:]),)), layout, world


def spoilt_pace(plan, layout, world):
    return batch_with(plan, 0, in_flight=3), layout, world


def spoilt_empty(plan, layout, world):
    return batch_with(plan, 0, steps=()), layout, world


def spoilt_canary(plan, layout, world):
    return batch_with(plan, 2, canary=True), layout, world


def spoilt_order(plan, layout, world):
    return replace(plan, compilations=plan.compilations[::-1]), layout, world


def spoilt_compile(plan, layout, world):
    return replace(plan, compilations=()), layout, world


def spoilt_compile_twice(plan, layout, world):
    return replace(plan, compilations=plan.compilations * 2), layout, world


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (spoilt_address, "10.0.0.2 is given to"),
        (spoilt_taken, "10.0.0.2 is given to"),
        (spoilt_subnet, "10.9.0.2 is outside the subnet of gateway 10.0.0.1"),
        (spoilt_gateway, "10.0.0.1 is the gateway"),
        (spoilt_id, "is given 2 times"),
        (spoilt_index, "index 0 of instance group web is given 2 times"),
        (spoilt_bootstrap, "instance group web has 2 bootstrap instances"),
        (spoilt_vm, "has no VM to in_place"),
        (spoilt_twice, "gets 2 VMs"),
        (spoilt_update, "gets a VM but no update"),
        (spoilt_batches, "is updated 2 times"),
        (spoilt_pace, "updates 3 at once in zone 'z1', at most 1 allowed"),
        (spoilt_empty, "has an empty batch"),
        (spoilt_canary, "has canaries after others were updated"),
        (spoilt_order, "package app is compiled before package"),
        (spoilt_compile, "needs package app, which nobody compiles"),
        (spoilt_compile_twice, "is compiled twice"),
    ],
)
def test_findings_on_a_first_deploy(spoil, finding: str) -> None:
    assert any(finding in one for one in check(*spoil(*fresh())))


def lost_disk(plan, layout, world):
    return step_with(plan, keep_disks=()), layout, world


def disk_twice(plan, layout, world):
    disks = plan.groups[0].batches[0].steps[0].keep_disks
    return step_with(plan, orphan_disks=disks), layout, world


def foreign_disk(plan, layout, world):
    (disk,) = plan.groups[0].batches[0].steps[0].keep_disks
    return step_with(plan, orphan_disks=(replace(disk, cid="foreign"),)), layout, world


def two_of_a_name(plan, layout, world):
    return step_with(plan, create_disks=(b.disk(5),)), layout, world


def kept_and_deleted(plan, layout, world):
    return replace(plan, deletions=(DeleteInstance(world.instances[0], ""),)), layout, world


def forgotten(plan, layout, world):
    return plan, replace(layout, instances=layout.instances[1:]), world


def touched(plan, layout, world):
    first = replace(world.instances[0], ignored=True)
    return plan, layout, replace(world, instances=(first, *world.instances[1:]))


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lost_disk, "nobody says what becomes of disk"),
        (disk_twice, "is named 2 times"),
        (foreign_disk, "disk foreign is named 1 times and is not its own"),
        (two_of_a_name, "2 disks would be called ''"),
        (kept_and_deleted, "is kept 1 times and deleted 1 times"),
        (forgotten, "is kept 0 times and deleted 0 times"),
        (forgotten, "though nobody wants it"),
        (touched, "is ignored and would be touched"),
    ],
)
def test_findings_on_an_update(spoil, finding: str) -> None:
    assert any(finding in one for one in check(*spoil(*again())))


def test_another_vm_for_one_that_has_one() -> None:
    plan, layout, world = again()
    first = replace(fresh()[0].missing_vms[0], instance=layout.instances[0])
    assert any("has a VM and gets another" in one for one in check(replace(plan, missing_vms=(first,)), layout, world))


def test_the_pace_the_operator_asked_for_is_allowed() -> None:
    options = {"max_in_flight": "2"}
    plan, layout, world = again(**options)
    assert check(plan, layout, world, options=Options(**options)) == []
    assert any("at most 1 allowed" in one for one in check(plan, layout, world))


def test_a_subnet_without_a_gateway_is_not_looked_into() -> None:
    desired = b.desired(b.group("web"), networks=[b.network("default", replace(b.subnet(), gateway=""))])
    assert check(*planned(desired, b.nothing())) == []
