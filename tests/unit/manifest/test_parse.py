"""Manifest and configs → Desired: what is understood, and every fault by name and place."""

from __future__ import annotations

from typing import Any

import pytest

from bosh.manifest.configs import ConfigText
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.model import Amount, Consume, DiskRequest, GroupNetwork, MigratedFrom, Provide, VmRequest, WatchTime
from bosh.manifest.parse import ParseOptions, parse, validate_config
from bosh.wire.errors import BoshError

from .samples import CATALOG, CLOUD, MANIFEST, drop, faults, parsed, put

GROUP = "/instance_groups/name=router"
NET = "/networks/name=private/subnets/0"


# --- what is understood -------------------------------------------------------------------------------------------------------------


def test_latest_is_the_newest_uploaded_release_and_stemcell() -> None:
    desired = parsed()
    assert [(release.name, release.version) for release in desired.releases] == [("web", "2+dev.1")]
    assert [(stemcell.name, stemcell.version, stemcell.api_version) for stemcell in desired.stemcells] == [
        ("bosh-warden-jammy", "1.10", 3)
    ]


@pytest.mark.parametrize(
    ("wanted", "chosen"), [("1.latest", "1.10"), ("1.9", "1.9"), ("1.9.latest", "1.9"), ("2.1-dev", "2+dev.1")]
)
def test_a_release_version_is_exact_a_prefix_or_in_the_old_dev_form(wanted: str, chosen: str) -> None:
    assert parsed(put("/releases/0/version", wanted)).releases[0].version == chosen


def test_a_groups_only_network_is_the_default_for_dns_and_gateway() -> None:
    assert parsed().groups[0].networks == (GroupNetwork("private", (), ("dns", "gateway")),)


def test_references_under_properties_stay_and_others_are_looked_up() -> None:
    values = {"/dir/dep/n": 1, "/dir/dep/zones": ["z1"]}
    options = ParseOptions(lookup=values.__getitem__)
    group = parsed(put(f"{GROUP}/instances", "((n))"), put(f"{GROUP}/azs", "((zones))"), options=options).groups[0]
    assert (group.instances, group.azs) == (1, ("z1",))
    assert group.jobs[0].properties["secret"] == "((password))"


def test_extensions_are_merged_over_the_vm_type_at_the_top_level() -> None:
    vm = parsed(put(f"{GROUP}/vm_extensions?", ["wide"])).groups[0].vm
    assert vm == VmRequest("small", ("wide",), {"cpu": 4, "disk": {"fast": True}})


def test_vm_resources_stand_in_for_a_vm_type() -> None:
    resources = {"cpu": 2, "ram": 1024, "ephemeral_disk_size": 4096}
    vm = parsed(drop(f"{GROUP}/vm_type"), put(f"{GROUP}/vm_resources?", resources)).groups[0].vm
    assert (vm.vm_type, vm.vm_resources) == ("", resources)


@pytest.mark.parametrize(
    ("key", "value", "disks"),
    [
        ("persistent_disk", 100, (DiskRequest(100),)),
        ("persistent_disk", 0, ()),
        ("persistent_disk_type", "big", (DiskRequest(10240, {"kind": "ssd"}, "", "big"),)),
        ("persistent_disk_type", "none", ()),
        ("persistent_disks", [{"name": "d", "type": "big"}], (DiskRequest(10240, {"kind": "ssd"}, "d", "big"),)),
    ],
)
def test_persistent_disks_in_their_three_forms(key: str, value: object, disks: tuple[DiskRequest, ...]) -> None:
    assert parsed(put(f"{GROUP}/{key}?", value)).groups[0].persistent_disks == disks


def test_static_ips_may_be_ranges_and_are_written_out() -> None:
    network = parsed(put(f"{GROUP}/networks/0/static_ips?", ["10.0.0.11 - 10.0.0.12"])).groups[0].networks[0]
    assert network.static_ips == ("10.0.0.11", "10.0.0.12")


def test_update_settings_come_from_the_group_then_the_deployment_and_options_win() -> None:
    op = put(f"{GROUP}/update?", {"canaries": 2, "serial": False, "update_watch_time": "1-2"})
    update = parsed(op).groups[0].update
    assert (update.canaries, update.max_in_flight, update.serial) == (Amount(2), Amount(20, percent=True), False)
    assert (update.canary_watch_time, update.update_watch_time) == (WatchTime(1000, 30000), WatchTime(1, 2))
    assert parsed(op, options=ParseOptions(canaries="50%")).groups[0].update.canaries == Amount(50, percent=True)


def test_links_are_read_in_all_their_forms() -> None:
    consumes = {
        "backend": {"from": "x", "deployment": "other", "network": "n", "ip_addresses": False},
        "none": "nil",
        "also": None,
        "manual": {"instances": [{"address": "1.2.3.4"}], "properties": {"a": 1}},
    }
    provides = {"gate": {"as": "door", "shared": True, "aliases": [{"domain": "gate.internal"}]}, "own": "nil"}
    custom = [{"name": "own", "type": "t", "properties": ["port"]}]
    job = (
        parsed(
            put(f"{GROUP}/jobs/0/consumes?", consumes),
            put(f"{GROUP}/jobs/0/provides?", provides),
            put(f"{GROUP}/jobs/0/custom_provider_definitions?", custom),
        )
        .groups[0]
        .jobs[0]
    )
    assert job.consumes == {
        "backend": Consume("backend", "x", "other", "n", ip_addresses=False),
        "none": Consume("none", blocked=True),
        "also": Consume("also", blocked=True),
        "manual": Consume("manual", manual={"instances": [{"address": "1.2.3.4"}], "properties": {"a": 1}}),
    }
    assert job.provides == {
        "gate": Provide("gate", "door", shared=True, aliases=({"domain": "gate.internal"},)),
        "own": Provide("own", blocked=True),
    }
    assert [provider.name for provider in job.custom_providers] == ["own"]


def test_variables_get_absolute_names_and_converge_when_the_feature_is_on() -> None:
    entries = [{"name": "pw", "type": "password"}, {"name": "/x", "type": "rsa", "update_mode": "overwrite"}]
    variables = parsed(put("/variables?", entries), put("/features?", {"converge_variables": True})).variables
    assert [(each.name, each.update_mode) for each in variables] == [("/dir/dep/pw", "converge"), ("/x", "overwrite")]


def test_link_dns_names_imply_dns_and_short_addresses() -> None:
    features = parsed(put("/features?", {"use_link_dns_names": True})).features
    assert (features.use_dns_addresses, features.use_short_dns_addresses) == (True, True)


def test_tmpfs_and_dev_tools_settings_fill_what_env_leaves_open() -> None:
    options = ParseOptions(remove_dev_tools=True)
    env = {"bosh": {"remove_dev_tools": False}}
    ops = (put(f"{GROUP}/env?", env), put("/features?", {"use_tmpfs_config": True}))
    assert parsed(*ops, options=options).groups[0].env["bosh"] == {
        "remove_dev_tools": False,
        "job_dir": {"tmpfs": True},
        "agent": {"settings": {"tmpfs": True}},
    }


def test_legacy_properties_reach_jobs_that_have_none() -> None:
    ops = (
        put("/properties?", {"a": {"b": 1}}),
        put(f"{GROUP}/properties?", {"a": {"c": 2}}),
        drop(f"{GROUP}/jobs/0/properties"),
    )
    desired = parsed(*ops)
    assert desired.groups[0].jobs[0].properties == {"a": {"b": 1, "c": 2}}
    assert any("deprecated" in warning for warning in desired.warnings)


def test_a_fault_carries_the_line_and_column_of_its_entry() -> None:
    text = MANIFEST.replace("name: private", "name: privat")
    with pytest.raises(ManifestFaults) as caught:
        parsed(manifest=text)
    assert str(caught.value) == (
        'manifest:14:5: instance_groups[0].networks[0].name: no network "privat" (did you mean "private"?)'
    )
    assert caught.value.code == 150001


def test_reserved_addresses_are_intervals_with_gateway_ends_and_director() -> None:
    options = ParseOptions(director_ips=("10.0.0.50", "192.168.1.1"))
    subnet = parsed(options=options).networks["private"].subnets[0]
    base = 10 * 2**24
    assert subnet.reserved == ((base, base + 9), (base + 50, base + 50), (base + 255, base + 255))
    assert subnet.static == ((base + 10, base + 20),)


def test_an_ipv6_range_is_never_enumerated() -> None:
    subnet = {"range": "fd00::/64", "gateway": "fd00::1", "azs": ["z1"], "reserved": ["fd00::2-fd00::ffff:ffff"]}
    desired = parsed(cloud_ops=(put("/networks/-", {"name": "six", "subnets": [subnet]}),))
    base = 0xFD00 << 112
    assert desired.networks["six"].subnets[0].reserved == (
        (base, base + 0xFFFFFFFF),
        (base + 2**64 - 1, base + 2**64 - 1),
    )


def test_several_cloud_configs_are_one() -> None:
    extra = "vm_types: [{name: huge}]\n"
    text = MANIFEST.replace("vm_type: small", "vm_type: huge")
    configs = [ConfigText("default", CLOUD), ConfigText("more", extra)]
    desired = parse(text, cloud_configs=configs, catalog=CATALOG, director_name="dir")
    assert desired.groups[0].vm.vm_type == "huge"


# --- addons -------------------------------------------------------------------------------------------------------------------------

ADDON = (
    "releases: [{{name: extra, version: 7}}]\naddons:\n- name: tidy\n  jobs: [{{name: cleaner, release: extra}}]\n{}"
)


@pytest.mark.parametrize(
    ("filters", "applies"),
    [
        ("", True),
        ("  include: {deployments: [dep]}", True),
        ("  include: {deployments: [other]}", False),
        ("  include: {stemcell: [{os: ubuntu-jammy}], azs: [z2]}", True),
        ("  include: {stemcell: [{os: windows}], azs: [z2]}", False),
        ("  include: {jobs: [{name: gate, release: web}]}", True),
        ("  include: {instance_groups: [db]}", False),
        ("  include: {networks: [private]}\n  exclude: {lifecycle: service}", False),
        ("  exclude: {teams: [red]}", True),
        ("  include: {teams: [blue, red]}", False),
        ("  include: {teams: [blue]}\n  exclude: {jobs: [{name: other, release: web}]}", False),
    ],
)
def test_addons_go_where_their_filters_say(filters: str, applies: bool) -> None:
    desired = parsed(runtime=(ADDON.format(filters),))
    assert ("cleaner", "tidy") in [(job.name, job.addon) for job in desired.groups[0].jobs] or not applies
    assert ("extra" in [release.name for release in desired.releases]) == applies


def test_the_manifests_own_addon_and_runtime_tags_and_variables() -> None:
    addon = {"name": "own", "jobs": [{"name": "cleaner", "release": "web"}]}
    runtime = "tags: {a: 1, b: 2}\nvariables: [{name: v, type: password}]\n"
    desired = parsed(put("/addons?", [addon]), put("/tags?", {"b": 3}), runtime=(runtime,))
    assert [job.name for job in desired.groups[0].jobs] == ["gate", "cleaner"]
    assert desired.tags == {"a": "1", "b": "3"}
    assert [variable.name for variable in desired.variables] == ["/dir/dep/v"]


# --- faults -------------------------------------------------------------------------------------------------------------------------

MANIFEST_FAULTS: list[tuple[list[dict[str, Any]], str, int]] = [
    ([put("/networks?", [])], "networks: 'networks' cannot be in a deployment manifest", 140026),
    ([put("/disk_pools?", [])], "disk_pools: 'disk_pools' cannot", 140027),
    ([put("/jobs?", [])], "jobs: 'jobs' cannot", 140023),
    ([put("/resource_pools?", [])], "resource_pools: 'resource_pools' cannot", 140028),
    ([put("/azs?", [])], "azs: 'azs' cannot", 190014),
    ([drop("/name")], ': "name" is missing', 40001),
    ([put("/name", [])], "name: expected text, found a list", 40000),
    ([drop("/update")], ': "update" is missing', 40001),
    ([drop("/update/canaries")], 'update: "canaries" is missing', 40001),
    ([put("/update/canaries", "few")], "update.canaries: expected a number or a percentage", 40005),
    ([put("/update/canary_watch_time", "soon")], "update.canary_watch_time: expected milliseconds", 180001),
    ([put("/update/canary_watch_time", "5-1")], "update.canary_watch_time: the minimum 5 is greater", 180001),
    ([put("/update/vm_strategy?", "create-swap")], 'update.vm_strategy: "create-swap" is not one of', 40005),
    ([put("/update/serial?", "yes")], 'update.serial: expected a boolean, found text "yes"', 40000),
    ([put("/update/cannaries?", 1), drop("/update/canaries")], 'unknown key "cannaries" (did you mean "canaries"?)', 40004),
    ([put("/instance_group?", []), drop("/instance_groups")], 'unknown key "instance_group" (did you mean', 40004),
    ([put("/releases/0/name", "wep")], 'releases[0].name: no release "wep" (did you mean "web"?)', 30005),
    ([put("/releases/0/version", "9")], "no version of release 'web' \"9\"", 30006),
    ([put("/releases/0/version", "3.latest")], "no version of release 'web' \"3.latest\"", 30006),
    ([put("/releases/-", {"name": "web", "version": "1.9"})], 'releases[1].name: release "web" is there twice', 190002),
    ([put("/release?", {"name": "web", "version": "1.9"})], "both 'release' and 'releases'", 190001),
    ([put("/stemcells/0/os", "ubuntu-jamy")], 'no stemcell for OS "ubuntu-jamy" (did you mean', 50003),
    ([put("/stemcells/0/version", "5")], "no version of stemcell for OS 'ubuntu-jammy' \"5\"", 50003),
    ([drop("/stemcells/0/os")], "stemcells[0]: 'os' or 'name' is missing", 40001),
    ([put("/stemcells/-", {"alias": "default", "os": "ubuntu-jammy", "version": "1.9"})], "alias \"default\" is there twice", 50005),
    ([put("/stemcells", [])], "there must be a stemcell", 190019),
    ([put("/features?", [])], "features: expected a map", 560001),
    ([put("/features?", {"converge_variables": 1})], "expected a boolean", 560001),
    ([put("/features?", {"use_link_dns_names": True, "use_dns_addresses": False})], "needs use_dns_addresses", 210001),
    ([put("/variables?", {})], "variables: expected a list", 560000),
    ([put("/variables?", [{"name": "a"}])], "variables[0]: 'type' is missing", 560000),
    ([put("/variables?", [{"name": "a", "type": "pasword"}])], '(did you mean "password"?)', 560000),
    ([put("/variables?", [{"name": "a", "type": "ssh"}, {"name": "a", "type": "ssh"}])], "is there twice", 560000),
    ([put("/variables?", [{"name": "a.b", "type": "ssh"}])], "must only contain alphanumeric", 540004),
    ([put("/variables?", [{"name": "a", "type": "ssh", "consumes": {"common_name": {}}}])], "cannot consume links", 560000),
    ([put("/variables?", [{"name": "a", "type": "ssh", "update_mode": "never"}])], "is not one of no-overwrite", 560000),
    ([put("/addons?", [{"name": "a", "include": {"deployments": ["x"]}}])], "cannot be filtered by deployments", 530006),
    ([put("/addons?", [{"name": "a", "jobs": [{"name": "j", "release": "nope"}]}])], "in the releases of the manifest", 530002),
    ([put("/addons?", [{"name": "a", "jobs": [{"name": "gate", "release": "web"}]}])], 'job "gate" is already in', 140010),
    ([put("/addons?", [{"name": "a", "include": {"jobs": [{"name": "x"}]}}])], "both 'name' and 'release'", 530004),
    ([put("/addons?", [{"name": "a", "include": {"stemcell": [{}]}}])], "'os' is missing", 530005),
    ([put("/instance_groups/-", {"name": "ROUTER"})], '(the same as "router" in DNS)', 190006),
    ([put(f"{GROUP}/name", "-x")], "must not begin or end with a hyphen", 420001),
]  # fmt: skip

GROUP_FAULTS: list[tuple[list[dict[str, Any]], str, int]] = [
    ([drop("/name")], '"name" is missing', 40001),
    ([put("/instances", "two")], 'instances: expected a whole number, found text "two"', 40000),
    ([put("/instances", -1)], "instances: -1 is less than 0", 40002),
    ([put("/templates?", [])], "'templates' is no longer supported", 140024),
    ([put("/resource_pool?", "x")], "'resource_pool' is no longer supported", 140025),
    ([put("/persistent_disk_pool?", "x")], "'persistent_disk_pool' is no longer supported", 140027),
    ([drop("/jobs")], '"jobs" is missing', 40001),
    ([put("/jobs/-", {"name": "gate", "release": "web"})], "is already in this instance group", 140010),
    ([put("/jobs/0/release", "wbe")], "jobs[0].release: no release", 140002),
    ([put("/jobs/0/name", "gat")], 'no job "gat" (did you mean "gate"?) in release web/2+dev.1', 140029),
    ([put("/jobs/0/propertes?", {}), drop("/jobs/0/properties")], 'did you mean "properties"?', 40004),
    ([put("/jobs/0/consumes?", {"backend": 5})], 'expected a map or "nil"', 190016),
    ([put("/jobs/0/consumes?", {"backend": {"from": "a", "instances": []}})], "both 'instances' and 'from'", 190016),
    ([put("/jobs/0/consumes?", {"backend": {"properties": {}}})], "'properties' need 'instances'", 190016),
    ([put("/jobs/0/consumes?", {"backend": {"ip_addresses": "no"}})], "expected a boolean", 40000),
    ([put("/jobs/0/provides?", {"gate": {"name": "x"}})], "are the release's to say", 190016),
    ([put("/jobs/0/custom_provider_definitions?", [{"name": "gate", "type": "t"}])], "already provides", 190016),
    ([drop("/vm_type")], "'vm_type' or 'vm_resources' is missing", 140022),
    ([put("/vm_resources?", {"cpu": 1, "ram": 1, "ephemeral_disk_size": 1})], "choose one", 140022),
    ([put("/vm_type", "smal")], 'vm_type: no VM type "smal" (did you mean "small"?)', 140004),
    ([put("/vm_extensions?", ["wid"])], 'vm_extensions[0]: no VM extension "wid" (did you mean "wide"?)', 190014),
    ([put("/stemcell", "x")], 'stemcell: no stemcell "x" (there is: default)', 140005),
    ([put("/persistent_disk?", 1), put("/persistent_disk_type?", "big")], "only one of", 140013),
    ([put("/persistent_disk?", -1)], "disk size -1 is negative", 140013),
    ([put("/persistent_disk_type?", "bigg")], 'no disk type "bigg" (did you mean "big"?)', 140012),
    ([put("/persistent_disks?", [{"name": "a", "type": "big"}] * 2)], 'disk "a" is there twice', 140013),
    ([put("/persistent_disks?", [{"name": "", "type": "big"}])], "must have a name", 140013),
    ([put("/lifecycle?", "erand")], '(did you mean "errand"?)', 140011),
    ([put("/state?", "gone")], '"gone" is not one of started', 140008),
    ([put("/instance_states?", {"0": "gone"})], '"gone" is not one of started', 140007),
    ([put("/networks", [])], "there must be a network", 140009),
    ([put("/networks/0/name", "privat")], 'no network "privat" (did you mean "private"?)', 150001),
    ([put("/networks/-", {"name": "loose"})], "one must be the default for dns", 150005),
    ([put("/networks/0/default?", ["router"])], '"router" is not one of dns, gateway, addressable', 150003),
    ([put("/networks/0/default?", ["dns", "gateway"]), put("/networks/-", {"name": "private", "default": ["dns"]})],
     "more than one network is the default for dns", 150004),
    ([put("/azs", [])], "azs: 'azs' must not be empty", 140017),
    ([put("/azs", ["z3"])], 'azs[0]: no availability zone "z3"', 140018),
    ([put("/azs", [1])], "must be text", 140016),
    ([drop("/azs")], "availability zones do not match those of network", 150006),
    ([put("/networks/0/name", "loose")], "its subnets are in none", 150006),
    ([put("/networks/0/static_ips?", ["10.0.0.11"])], "there are 2 instances but 1 static IPs", 150002),
    ([put("/networks/0/static_ips?", ["10.0.0.11", "10.0.0.11"])], "static IP 10.0.0.11 is there twice", 150009),
    ([put("/networks/0/static_ips?", ["10.0.0.11", "10.0.0.30"])], "is not among the static IPs of network", 130009),
    ([put("/networks/0/static_ips?", ["10.0.0.11", "10.0.1.30"])], "is in no subnet of network", 130012),
    ([put("/networks/0/static_ips?", ["10.0.0.11", "x"])], '"x" is no IP address or range', 160010),
    ([put("/networks/0", {"name": "loose", "static_ips": ["1.2.3.4"]})], "a dynamic network has no static IPs", 150008),
    ([put("/networks/-", {"name": "outside"})], "IPs must be specified in either", 130014),
    ([put("/networks/0/static_ips?", ["10.0.0.11-10.0.255.255"])], "but 65525 static IPs", 150002),
    ([put("/networks/-", {"name": "outside", "static_ips": "1.2.3.4", "default": []})], "there are 2 instances but 1", 150002),
    ([put("/jobs/0/provides?", {"gate": 5})], 'expected a map or "nil"', 190016),
    ([put("/jobs/0/custom_provider_definitions?", [{"name": "", "type": "t"}] * 2)], "is there twice", 190016),
    ([put("/migrated_from?", [{"name": "old", "az": "z9"}])], 'no availability zone "z9"', 190018),
    ([put("/migrated_from?", [{"name": "other"}]), {"type": "replace", "path": "GROUPS", "value": {"name": "other"}}],
     'instance group "other" is still there; remove it', 190018),
    ([put("/env?", [])], "env: expected a map, found a list", 40000),
]  # fmt: skip

CLOUD_FAULTS: list[tuple[list[dict[str, Any]], str, int]] = [
    ([put("/azs/-", {"name": "z1"})], 'availability zone "z1" is there twice', 190017),
    ([put("/vm_types/-", {"name": "small"})], 'VM type "small" is there twice', 190004),
    ([put("/vm_extensions/-", {"name": "wide"})], 'VM extension "wide" is there twice', 190005),
    ([put("/disk_types/-", {"name": "big", "disk_size": 1})], 'disk type "big" is there twice', 190013),
    ([put("/disk_types/0/disk_size", -5)], "disk size -5 is negative", 200001),
    ([put("/networks", [])], "there must be a network", 190008),
    ([put("/networks/-", {"name": "Private", "type": "vip"})], 'network "Private" is there twice (the same as', 190007),
    ([put("/networks/0/type?", "manuel")], 'invalid network type "manuel" (did you mean "manual"?)', 190010),
    ([put(f"{NET}/range", "10.0.0.0/33")], "is no IP address or range", 160002),
    ([put(f"{NET}/range", "10.0.0.5/32")], "must hold at least 2 addresses", 160002),
    ([put(f"{NET}/gateway", "10.1.0.1")], "must be inside the range", 160003),
    ([put(f"{NET}/gateway", "10.0.0.0")], "can't be the network id", 160003),
    ([put(f"{NET}/gateway", "10.0.0.255")], "can't be the broadcast IP", 160003),
    ([drop(f"{NET}/gateway")], '"gateway" is missing', 40001),
    ([put(f"{NET}/dns", ["8.8.8.0/24"])], "must be a single IP", 160004),
    ([put(f"{NET}/reserved", ["10.9.0.1"])], "reserved 10.9.0.1 is not within 10.0.0.0/24", 160005),
    ([put(f"{NET}/static", ["10.9.0.1"])], "static 10.9.0.1 is not within 10.0.0.0/24", 160006),
    ([put(f"{NET}/static", ["10.0.0.5-10.0.0.12"])], "holds the reserved address 10.0.0.5", 160006),
    ([put(f"{NET}/reserved", ["10.0.0.9-10.0.0.2"])], "Invalid IP range format", 160010),
    ([put(f"{NET}/azs", ["z8"])], 'no availability zone "z8"', 160007),
    ([put(f"{NET}/azs", [])], "'azs' must not be empty", 160008),
    ([put(f"{NET}/az?", "z1")], "both 'az' and 'azs'", 160008),
    ([put("/networks/0/subnets/-", {"range": "10.0.0.128/25", "gateway": "10.0.0.129", "azs": ["z1"]})], "overlaps", 160001),
    ([put("/networks/0/subnets/-", {"range": "10.1.0.0/24", "gateway": "10.1.0.1"})], "either all subnets", 140016),
    ([put(f"{NET}/prefix?", 20)], "prefix 20 is larger than the range", 16013),
    ([put("/networks/0/subnets/-", {"range": "10.1.0.0/24", "gateway": "10.1.0.1", "azs": ["z1"], "prefix": 28})],
     "must have the same prefix", 16014),
    ([put("/networks/1/azs?", ["z1"])], "a dynamic network must not have 'azs'", 160008),
    ([put("/networks/1/subnets?", [{"az": "z1"}])], "'cloud_properties' belongs into the subnets", 160008),
    ([drop("/compilation")], '"compilation" is missing', 40001),
    ([put("/compilation/workers", 0)], "0 is less than 1", 40002),
    ([put("/compilation/network", "privat")], 'compilation.network: no network "privat"', 120001),
    ([put("/compilation/az", "z9")], "compilation.az: no availability zone", 120002),
    ([put("/compilation/vm_type", "x")], "compilation.vm_type: no VM type", 120003),
    ([put("/compilation/vm_extensions?", ["x"])], "no VM extension", 120005),
    ([put("/compilation/cloud_properties?", {"a": 1})], "only one of vm_type, cloud_properties", 120007),
    ([drop("/compilation/vm_type"), put("/compilation/vm_extensions?", ["wide"])], "need a vm_type or vm_resources", 120007),
    ([drop("/compilation/az")], "has no subnet in availability zone", 150006),
    ([put("/vm_type?", []), drop("/vm_types")], 'unknown key "vm_type" (did you mean "vm_types"?)', 40004),
]  # fmt: skip


def _in_group(op: dict[str, Any]) -> dict[str, Any]:
    return op | {"path": "/instance_groups/-" if op["path"] == "GROUPS" else GROUP + op["path"]}


def _has(found: list[tuple[str, str, int]], said: str, code: int) -> bool:
    return any(said in f"{path}: {message}" and code == number for path, message, number in found)


@pytest.mark.parametrize(("ops", "said", "code"), MANIFEST_FAULTS, ids=[row[1] for row in MANIFEST_FAULTS])
def test_manifest_faults(ops: list[dict[str, Any]], said: str, code: int) -> None:
    found = faults(*ops)
    assert _has(found, said, code), found


@pytest.mark.parametrize(("ops", "said", "code"), GROUP_FAULTS, ids=[row[1] for row in GROUP_FAULTS])
def test_group_faults(ops: list[dict[str, Any]], said: str, code: int) -> None:
    found = faults(*[_in_group(op) for op in ops])
    assert _has(found, said, code), found


@pytest.mark.parametrize(("ops", "said", "code"), CLOUD_FAULTS, ids=[row[1] for row in CLOUD_FAULTS])
def test_cloud_config_faults(ops: list[dict[str, Any]], said: str, code: int) -> None:
    found = faults(cloud_ops=tuple(ops))
    assert _has(found, said, code), found


@pytest.mark.parametrize(
    ("runtime", "said", "code"),
    [
        (("releases: [{name: extra, version: latest}]",), "needs an exact version in a runtime config", 530001),
        (("releases: [{name: web, version: 1.9}]\naddons: [{name: a, jobs: [{name: cleaner, release: web}]}]",),
         'release "web" has version "1.9" here and "2+dev.1" elsewhere', 530003),
        (("addons: [{name: a, jobs: [{name: cleaner, release: web}]}]",), "in the releases of the runtime config", 530002),
        (("tags: {a: 1}", "tags: {b: 1}"), "'tags' key cannot be defined in multiple", 530006),
        (("variables: [{name: a, type: ssh}]", "variables: [{name: a, type: ssh}]"), "is there twice", 190022),
        (("addons: {}",), "addons: expected a list, found a map", 40000),
        (("releases: [\n",), "did not find expected node content", 710000),
    ],
)  # fmt: skip
def test_runtime_config_faults(runtime: tuple[str, ...], said: str, code: int) -> None:
    found = faults(runtime=runtime)
    assert _has(found, said, code), found


def test_each_zone_names_a_cpi_once_there_is_a_cpi_config() -> None:
    cpi = "cpis: [{name: one, type: a}, {name: two, type: b, migrated_from: [{name: old}]}]"
    found = faults(cpi=cpi, cloud_ops=(put("/azs/0/cpi?", "tow"),))
    assert ("azs[0].cpi", 'no CPI "tow" (did you mean "two"?)', 550001) in found
    assert any(path == "azs[1]" and "must name its CPI" in message for path, message, _ in found)
    assert not faults(cpi=cpi, cloud_ops=(put("/azs/0/cpi?", "one"), put("/azs/1/cpi?", "old")))


def test_faults_of_all_documents_come_together_in_reading_order() -> None:
    with pytest.raises(ManifestFaults) as caught:
        parsed(put(f"{GROUP}/vm_type", "x"), put(f"{GROUP}/stemcell", "y"), cloud_ops=(put("/azs/-", {}),))
    sources = [fault.source for fault in caught.value.faults]
    assert sources == sorted(sources)
    assert len(set(sources)) == 2
    assert len(caught.value.faults) >= 3


def test_a_missing_cloud_config_is_the_only_thing_said() -> None:
    with pytest.raises(ManifestFaults) as caught:
        parse(MANIFEST, catalog=CATALOG, director_name="dir")
    assert [fault.message for fault in caught.value.faults] == [
        "there is no cloud config; upload one with networks and vm_types"
    ]


def test_references_in_a_cloud_config_must_be_absolute_and_known() -> None:
    options = ParseOptions(lookup={"/w": 3}.__getitem__)
    assert parsed(cloud_ops=(put("/compilation/workers", "((/w))"),), options=options).compilation.workers == 3  # type: ignore[union-attr]
    assert _has(
        faults(cloud_ops=(put("/compilation/workers", "((w))"),), options=options), "must be absolute here", 540004
    )
    assert _has(faults(cloud_ops=(put("/compilation/workers", "((/x))"),), options=options), "no variable '/x'", 540002)
    assert _has(
        faults(cloud_ops=(put("/compilation/workers", "((/x y))"),), options=options), "must only contain", 540004
    )


def test_a_reference_that_the_store_refuses_or_that_does_not_fit_is_a_fault_like_any_other() -> None:
    def lookup(name: str) -> object:
        if name == "/dir/dep/flag":
            return True
        raise BoshError("cannot reach the config server", code=540001)

    options = ParseOptions(lookup=lookup)
    assert _has(
        faults(put("/tags?", {"a": "x((flag))"}), options=options), "tags.a: variable 'flag' stands inside text", 540007
    )
    assert _has(
        faults(put("/tags?", {"a": "((gone))"}), options=options), "tags.a: cannot reach the config server", 540001
    )


def test_what_the_original_ignores_is_noted_and_allowed() -> None:
    desired = parsed(
        put("/manifest_version?", 3), put("/meta?", {"a": 1}), put("/x-note?", 1), put("/director_uuid?", "u")
    )
    assert [warning.split(": ", 1)[1] for warning in desired.warnings] == ["meta: unknown key, ignored"]


def test_two_different_packages_of_one_name_cannot_share_an_instance() -> None:
    job = {"name": "porter", "release": "extra"}
    ops = [put("/releases/-", {"name": "extra", "version": "7"}), put(f"{GROUP}/jobs/-", job)]
    assert _has(faults(*ops), 'package "nginx" of job extra/porter differs from the one of job web/gate', 80011)


def test_a_release_exported_from_another_stemcell_line_is_refused() -> None:
    op = put("/releases/0/exported_from?", [{"os": "ubuntu-jammy", "version": "2.1"}])
    assert _has(faults(op), 'release "web" is exported from ubuntu-jammy/2.1', 80015)
    fitting = put("/releases/0/exported_from?", [{"os": "ubuntu-jammy", "version": "1.4"}])
    assert parsed(fitting).exported_from == {"web": (("ubuntu-jammy", "1.4"),)}


def test_a_static_ip_must_be_in_a_zone_of_the_group_and_begin_its_prefix() -> None:
    subnet = {
        "range": "10.9.0.0/24",
        "gateway": "10.9.0.1",
        "azs": ["z2"],
        "static": ["10.9.0.16-10.9.0.63"],
        "prefix": 28,
    }
    cloud = (put("/networks/-", {"name": "far", "subnets": [subnet]}),)
    network = {"name": "far", "static_ips": ["10.9.0.17"]}
    found = faults(
        put(f"{GROUP}/networks", [network]), put(f"{GROUP}/azs", ["z1"]), put(f"{GROUP}/instances", 1), cloud_ops=cloud
    )
    assert _has(found, "static IP 10.9.0.17 is in z2, which the group does not use", 150007)
    assert _has(found, "static IP 10.9.0.17 is not the first address of a /28", 16015)


def test_vip_addresses_are_said_once_by_the_group_or_by_the_cloud_config() -> None:
    cloud = (put("/networks/name=outside/subnets?", [{"static": ["1.2.3.4", "1.2.3.5"], "azs": ["z1"]}]),)
    ops = (put(f"{GROUP}/networks/0/default?", ["dns", "gateway"]), put(f"{GROUP}/networks/-", {"name": "outside"}))
    assert parsed(*ops, cloud_ops=cloud).networks["outside"].subnets[0].static == ((16909060, 16909061),)
    both = put(f"{GROUP}/networks/1/static_ips?", ["1.2.3.4", "1.2.3.5"])
    assert _has(faults(*ops, both, cloud_ops=cloud), "cannot be specified in both", 130014)
    assert parsed(*ops, both).groups[0].networks[1].static_ips == ("1.2.3.4", "1.2.3.5")


def test_migration_is_kept_and_its_source_must_be_gone() -> None:
    assert parsed(put(f"{GROUP}/migrated_from?", [{"name": "old", "az": "z1"}])).groups[0].migrated_from == (
        MigratedFrom("old", "z1"),
    )


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("cloud", "- a", 'cloud config "default":1:1: expected a map at the top'),
        ("runtime", "releases: [{name: a, version: latest}]", "needs an exact version"),
        ("cpi", "cpis: [{name: a, type: b}, {name: a, type: b}]", 'CPI "a" is there twice'),
        ("mine", "a: [", "did not find expected node content"),
    ],
)
def test_configs_are_checked_alone_when_uploaded(kind: str, text: str, said: str) -> None:
    with pytest.raises(ManifestFaults, match=said.replace("(", r"\(")):
        validate_config(text, type=kind)


def test_a_sound_config_of_any_type_passes() -> None:
    validate_config(CLOUD, type="cloud")
    validate_config(ADDON.format(""), type="runtime")
    validate_config("rules: ((whatever))", type="resurrection")
