from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.manifest.model import Az, LinkSpec, Network, Subnet, VmRequest
from bosh.plan.decide import decide
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, CurrentInstance, Options
from bosh.testing import builders as b

SPEC = b.job_spec("web", packages=["app"], properties={"port": 80}, provides=[LinkSpec("conn", "http")])


def wanted(spec=SPEC, job=None, **rest):
    packages = [b.package("app", content=rest.pop("app", "1")), b.package("new")]
    networks = rest.pop("networks_", None) or [b.network()]
    azs = rest.pop("zones", None) or [Az("z1")]
    tags = rest.pop("tags_", {})
    group = b.group("web", jobs=[b.job(spec, **(job or {}))], azs=("z1",), **rest)
    return b.desired(
        group,
        networks=networks,
        azs=azs,
        tags=tags,
        releases=[b.release("web", spec.release_version, jobs=[spec], packages=packages)],
    )


def planned(desired, world: Current, **options):
    opts = Options(**options)
    layout = lay_out(desired, world, options=opts, ids=b.CountingIds(50))
    return decide(desired, world, layout, b.rendered(layout), options=opts), layout


def deployed(**rest) -> Current:
    plan, layout = planned(wanted(**rest), b.nothing())
    return b.carried_out(plan, layout, b.nothing())


def changed(world: Current, **fields) -> Current:
    (one,) = world.instances
    vm_fields = {key: fields.pop(key) for key in list(fields) if key in {"job_state", "created_at", "responsive", "trusted_certs_sha1", "nats_config_sha1", "blobstore_config_sha1"}}  # fmt: skip
    if vm_fields:
        fields["vm"] = replace(one.vm, **vm_fields)  # type: ignore[type-var]
    return replace(world, instances=(replace(one, **fields),))


def changes(desired, world: Current, **options) -> list[str]:
    plan, _ = planned(desired, world, **options)
    return [f"{step.method}: {step.reason}" for group in plan.groups for batch in group.batches for step in batch.steps]


def test_nothing_changed() -> None:
    assert changes(wanted(), deployed()) == []


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        pytest.param(wanted(vm=b.vm("small", memory_mb=1024)), "recreate: cloud_properties: memory_mb 512 → 1024", id="vm type"),
        pytest.param(wanted(zones=[Az("z1", cloud_properties={"zone": "a"})]), "recreate: cloud_properties: zone a added", id="zone"),
        pytest.param(wanted(stemcell=replace(b.STEMCELL, version="1.3")), "recreate: stemcell: 1.2 → 1.3", id="stemcell version"),
        pytest.param(wanted(stemcell=replace(b.STEMCELL, name="other")), "recreate: stemcell: bosh-fake-ubuntu-noble/1.2 → other/1.2", id="stemcell name"),
        pytest.param(wanted(env={"bosh": {"swap_size": 0}}), 'recreate: env: bosh {"swap_size": 0} added', id="env"),
        pytest.param(wanted(networks_=[b.network("default", b.subnet(pool="x"))]), "recreate: network: default.cloud_properties.pool x added; configuration: templates render differently", id="network"),
        pytest.param(wanted(spec=replace(SPEC, packages=("app", "new"))), "in_place: packages: new added", id="package added"),
        pytest.param(wanted(spec=replace(SPEC, packages=())), "in_place: packages: app removed", id="package removed"),
        pytest.param(wanted(job={"properties": {"port": 81}}), "in_place: configuration: templates of web render differently", id="property"),
        pytest.param(wanted(spec=replace(SPEC, logs={"a": "b"})), "in_place: job: web logs changed", id="logs of a job"),
        pytest.param(wanted(persistent_disks=(b.disk(100),)), "in_place: persistent_disk: 100 MiB added", id="disk"),
        pytest.param(wanted(tags_={"a": "b"}), "metadata: tags: a b added", id="tags"),
        pytest.param(wanted(vm=VmRequest(vm_resources={"cpu": 1})), 'recreate: cloud_properties: vm_resources: null → {"cpu": 1}', id="resources instead of a type"),
    ],
)  # fmt: skip
def test_what_the_manifest_changes(desired, expected: str) -> None:
    assert changes(desired, deployed()) == [expected]


def test_resources_that_stay_the_same_change_nothing() -> None:
    rest = {"vm": VmRequest(vm_resources={"cpu": 1})}
    assert changes(wanted(**rest), deployed(**rest)) == []


def test_resources_that_were_translated_are_compared_as_the_cloud_sees_them() -> None:
    desired = wanted(vm=VmRequest(vm_resources={"cpu": 1}, cloud_properties={"instance": "s"}))
    world = deployed(vm=VmRequest(vm_resources={"cpu": 1}))
    options = Options()
    layout = lay_out(desired, world, options=options, ids=b.CountingIds())
    translated = replace(
        layout, instances=tuple(replace(one, cloud_properties={"instance": "s"}) for one in layout.instances)
    )
    plan = decide(desired, world, translated, b.rendered(translated), options=options)
    assert [step.reason for step in plan.groups[0].batches[0].steps] == ["cloud_properties: instance s added"]


def test_a_new_release_of_the_same_job_is_told_by_version() -> None:
    spec = replace(SPEC, fingerprint="f2", release_version="2")
    assert changes(wanted(spec=spec, app="1"), deployed())[0].endswith("job: web web/1 → web/2")


def test_a_job_whose_fingerprint_alone_changed_is_told_by_that() -> None:
    assert (
        f"job: web {SPEC.fingerprint[:8]} → f2" in changes(wanted(spec=replace(SPEC, fingerprint="f2")), deployed())[0]
    )


def test_a_link_offered_under_another_name_changes_records() -> None:
    from bosh.manifest.model import Provide

    desired = wanted(job={"provides": {"conn": Provide("conn", as_name="api")}})
    assert changes(desired, deployed()) == ["metadata: dns: provided links: conn-http → api-http"]


# --- what happened to the instance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"dirty": True}, ["in_place: dirty: its last update failed or was interrupted"], id="interrupted"),
        pytest.param({"vm": None}, ["in_place: missing_vm: it has no VM"], id="no VM"),
        pytest.param({"spec": {}}, ["in_place: new: no update of it has succeeded yet"], id="never updated with success"),
        pytest.param({"spec": {}, "vm": None, "dirty": True}, ["in_place: dirty: its last update failed or was interrupted; new: no update of it has succeeded yet; missing_vm: it has no VM"], id="creating it failed"),
        pytest.param({"job_state": "failing"}, ["in_place: state: it should be started, agent reports failing"], id="failing"),
        pytest.param({"job_state": ""}, [], id="nothing said"),
        pytest.param({"state": "stopped", "job_state": "stopped"}, [], id="stopped, at rest"),
        pytest.param({"state": "stopped", "job_state": "failing"}, [], id="stopped and failing is not running"),
        pytest.param({"state": "stopped", "job_state": "running"}, ["stop: state: it should be stopped, agent reports running"], id="stopped, but running"),
        pytest.param({"state": "stopped", "vm": None}, ["stop: missing_vm: it has no VM"], id="stopped without a VM gets one"),
        pytest.param({"state": "detached", "vm": None}, [], id="detached, at rest"),
        pytest.param({"state": "detached"}, ["detach: state: it is detached and still has a VM"], id="detached, but there is a VM"),
    ],
)  # fmt: skip
def test_what_happened(fields, expected: list[str]) -> None:
    assert changes(wanted(), changed(deployed(), **fields)) == expected


def first(world: Current) -> CurrentInstance:
    return world.instances[0]


@pytest.mark.parametrize(
    ("recorded", "asked", "expected"),
    [
        pytest.param("started", "stopped", ["stop: state: started → stopped"], id="stop"),
        pytest.param("started", "detached", ["detach: state: started → detached"], id="stop hard"),
        pytest.param("stopped", "started", ["start: state: stopped → started"], id="start"),
        pytest.param("stopped", "detached", ["detach: state: stopped → detached"], id="detach what is stopped"),
    ],
)
def test_states_asked_for(recorded: str, asked: str, expected: list[str]) -> None:
    job_state = "running" if recorded == "started" else "stopped"
    world = changed(deployed(), state=recorded, job_state=job_state)
    assert changes(wanted(), world, states={first(world).id: asked}) == expected


def test_starting_a_detached_instance_makes_it_a_vm() -> None:
    world = changed(deployed(), state="detached", vm=None)
    plan, _ = planned(wanted(), world, states={first(world).id: "started"})
    assert [step.reason for step in plan.missing_vms] == ["it has no VM"]


def test_starting_with_other_changes_is_a_whole_update() -> None:
    world = changed(deployed(), state="stopped", job_state="stopped")
    desired = wanted(job={"properties": {"port": 81}})
    assert changes(desired, world, states={first(world).id: "started"})[0].startswith("in_place: configuration")


# --- what the operator asked for ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created_at", "dirty", "expected"),
    [
        pytest.param("2026-01-01T00:00:00Z", False, ["recreate: recreate: asked for VMs created before 2026-01-02T00:00:00+01:00, this one is of 2026-01-01T00:00:00Z"], id="old"),
        pytest.param("2026-01-01T23:30:00Z", False, [], id="young, counting zones"),
        pytest.param("2026-01-01T00:00:00", False, ["recreate: recreate: asked for VMs created before 2026-01-02T00:00:00+01:00, this one is of 2026-01-01T00:00:00"], id="without a zone it is UTC"),
        pytest.param("2026-03-01T00:00:00Z", True, ["recreate: dirty: its last update failed or was interrupted; recreate: asked for, and its last update failed"], id="young but broken"),
        pytest.param("", False, ["recreate: recreate: asked for, and the age of its VM is unknown"], id="of unknown age"),
    ],
)  # fmt: skip
def test_recreating_old_vms(created_at: str, dirty: bool, expected: list[str]) -> None:
    world = changed(deployed(), created_at=created_at, dirty=dirty)
    assert (
        changes(wanted(), world, recreate=frozenset({"*"}), recreate_vms_created_before="2026-01-02T00:00:00+01:00")
        == expected
    )


def test_only_the_named_instance_is_restarted() -> None:
    world = deployed()
    assert changes(wanted(), world, restart=frozenset({"other"})) == []
    assert changes(wanted(), world, restart=frozenset({first(world).id})) == ["in_place: restart: asked for"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("a", "b", ["in_place: trusted_certs: the director's are new"], id="new ones"),
        pytest.param("a", "a", [], id="the same"),
        pytest.param("", "b", [], id="unknown before"),
        pytest.param("a", "", [], id="unknown now"),
    ],
)
def test_settings_of_the_director(before: str, after: str, expected: list[str]) -> None:
    assert changes(wanted(), changed(deployed(), trusted_certs_sha1=before), trusted_certs_sha1=after) == expected


def test_records_and_settings_together_are_a_whole_update() -> None:
    world = changed(deployed(), nats_config_sha1="a")
    assert changes(wanted(tags_={"a": "b"}), world, nats_config_sha1="b") == [
        "in_place: tags: a b added; nats_config: the director's are new"
    ]


# --- networks -------------------------------------------------------------------------------------------------------------------------

DYNAMIC = [Network("default", "dynamic", (Subnet(),))]


def with_settings(world: Current, **settings) -> Current:
    (one,) = world.instances
    known = one.vm.network_settings["default"]  # type: ignore[union-attr]
    return changed(world, vm=replace(one.vm, network_settings={"default": {**known, **settings}}))  # type: ignore[type-var]


def test_an_address_that_a_dynamic_network_told_is_no_change() -> None:
    world = deployed(networks_=DYNAMIC)
    assert not any(
        "network" in one for one in changes(wanted(networks_=DYNAMIC), with_settings(world, ip="172.16.0.9"))
    )


def test_a_vm_whose_settings_nobody_remembers_is_not_compared() -> None:
    (one,) = deployed().instances
    vm = replace(one.vm, network_settings={})  # type: ignore[type-var]
    world = changed(deployed(), vm=vm, spec={**one.spec, "networks": {}})
    assert changes(wanted(), world) == []


def test_a_name_for_the_instance_is_no_reason_for_another_vm() -> None:
    assert changes(wanted(), with_settings(deployed(), dns_record_name="other")) == []
