from __future__ import annotations

import json
from dataclasses import replace

from bosh.manifest.model import CompiledPackage, LinkSpec, Network, Subnet, VmRequest
from bosh.plan.apply_spec import Specs, fill_packages, for_agent, for_templates, unfilled
from bosh.plan.compilation import CompiledIndex
from bosh.plan.layout import lay_out
from bosh.plan.model import LaidInstance, Options, RenderedHashes
from bosh.testing import builders as b

SPEC = b.job_spec("web", packages=["app"], provides=[LinkSpec("conn", "http")])
APP = b.package("app")
HASHES = RenderedHashes("x", "conf", "sha256:arch", "arch-blob", {"web": "t1"})


def laid(**rest) -> tuple[LaidInstance, tuple]:
    nets = rest.pop("networks_", None) or [b.network()]
    group = b.group("web", jobs=[b.job(SPEC)], azs=("z1",), **rest)
    desired = b.desired(group, networks=nets, releases=[b.release(jobs=[SPEC], packages=[APP])])
    (one,) = lay_out(desired, b.nothing(), options=Options(), ids=b.CountingIds()).instances
    return one, desired.releases


def built(*compiled: CompiledPackage, **rest):
    one, releases = laid(**rest)
    return one, Specs("shop", releases, CompiledIndex(compiled)).build(one, HASHES)


def test_the_spec_has_the_originals_keys() -> None:
    one, spec = built(persistent_disks=(replace(b.disk(100, type="ssd"), type_name="big"),), env={"a": 1})
    version = SPEC.fingerprint
    row = {"name": "web", "version": version, "sha1": SPEC.sha1, "blobstore_id": SPEC.blobstore_id}
    assert spec == {
        "deployment": "shop",
        "name": "web",
        "job": {**row, "name": "web", "template": "web", "templates": [row]},
        "index": 0,
        "bootstrap": True,
        "lifecycle": "service",
        "id": one.id,
        "az": "z1",
        "networks": one.network_settings,
        "vm_type": {"name": "small", "cloud_properties": {"memory_mb": 512}},
        "vm_resources": None,
        "stemcell": {"name": "bosh-fake-ubuntu-noble", "version": "1.2"},
        "env": {"a": 1},
        "packages": {"app": {"name": "app", "version": f"{APP.fingerprint}.1", "sha1": "", "blobstore_id": ""}},
        "properties": {},
        "properties_need_filtering": True,
        "dns_domain_name": "bosh",
        "links": {},
        "address": "10.0.0.2",
        "ip": "10.0.0.2",
        "update": {
            "canaries": "1",
            "max_in_flight": "1",
            "canary_watch_time": "1000-30000",
            "update_watch_time": "1000-30000",
            "serial": True,
            "vm_strategy": "delete-create",
            "initial_deploy_az_update_strategy": "serial",
        },
        "persistent_disk": 100,
        "persistent_disk_type": {"name": "big", "disk_size": 100, "cloud_properties": {"type": "ssd"}},
        "configuration_hash": "conf",
        "template_hashes": {"web": "t1"},
        "rendered_templates_archive": {"sha1": "sha256:arch", "blobstore_id": "arch-blob"},
        "package_keys": {"app": "97d170e1550eee4afc0af065b78cda302a97674c"},
        "job_releases": {"web": "web/1"},
        "link_groups": ["conn-http"],
    }
    assert json.loads(json.dumps(spec)) == spec


def test_without_disks_the_size_is_zero_and_named_disks_are_not_told() -> None:
    assert built()[1]["persistent_disk"] == 0
    assert "persistent_disk" not in built(persistent_disks=(b.disk(1, "a"),))[1]


def test_resources_instead_of_a_type() -> None:
    resources = {"cpu": 1, "ram": 512, "ephemeral_disk_size": 1000}
    _, spec = built(vm=VmRequest(vm_resources=resources))
    assert (spec["vm_type"], spec["vm_resources"]) == (None, resources)


def test_compiled_packages_are_filled_in() -> None:
    done = CompiledPackage(APP.fingerprint, "[]", "ubuntu-noble", "1.2", "sha256:c", "blob-c")
    _, spec = built(done)
    assert spec["packages"]["app"]["blobstore_id"] == "blob-c"
    assert unfilled(spec) == []


def test_fill_packages_leaves_the_original_and_what_it_does_not_know() -> None:
    _, spec = built()
    assert unfilled(spec) == ["app"]
    filled = fill_packages(spec, {APP.fingerprint: ("blob-c", "sha256:c"), "other": ("x", "y")})
    assert filled["packages"]["app"] == {
        "name": "app",
        "version": f"{APP.fingerprint}.1",
        "sha1": "sha256:c",
        "blobstore_id": "blob-c",
    }
    assert unfilled(spec) == ["app"]
    assert fill_packages(spec, {})["packages"] == spec["packages"]


def test_the_agent_gets_what_the_original_sends() -> None:
    _, spec = built()
    assert set(for_agent(spec)) == {
        "deployment", "job", "index", "name", "id", "az", "networks", "packages", "dns_domain_name", "configuration_hash",
        "persistent_disk", "template_hashes", "rendered_templates_archive",
    }  # fmt: skip
    assert for_agent(spec, with_job=False)["job"] == {}
    assert spec["job"]


def test_templates_see_index_names_and_stand_ins_for_unknown_addresses() -> None:
    one, _ = laid(networks_=[Network("default", "dynamic", (Subnet(),))])
    seen = for_templates(one, "shop")
    settings = seen["networks"]["default"]
    assert {settings[key] for key in ("ip", "netmask", "gateway")} == {"127.0.0.1"}
    assert settings["dns_record_name"] == "0.web.default.shop.bosh"
    assert seen["address"] == f"{one.id}.web.default.shop.bosh"
    assert (seen["ip"], seen["persistent_disk"], seen["job"]["name"]) == (None, 0, "web")


def test_templates_see_the_address() -> None:
    seen = for_templates(laid()[0], "shop")
    assert (seen["ip"], seen["address"], seen["networks"]["default"]["ip"]) == ("10.0.0.2",) * 3


def test_a_group_without_jobs_has_no_job() -> None:
    desired = b.desired(b.group("web", jobs=[]))
    (one,) = lay_out(desired, b.nothing(), options=Options(), ids=b.CountingIds()).instances
    assert Specs("shop", desired.releases, CompiledIndex(())).build(one, HASHES)["job"] is None
