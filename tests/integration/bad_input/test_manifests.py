"""Manifests that cannot be deployed: one error each, with its place and a way out, and nothing is changed."""

from __future__ import annotations

import pytest

from .conftest import Site, group, manifest


def static(address: str) -> str:
    return manifest(group(network=f"{{name: default, static_ips: [{address}]}}"))


FAULTS: dict[str, tuple[str, int, list[str]]] = {
    "a template that raises": (
        manifest(group("broken")),
        100,
        ["instance group 'web'", "job 'broken'", "Error filling in template 'file.erb' (line 3: out of order)"],
    ),
    "a property without a value": (
        manifest(group("needy")),
        100,
        ["job 'needy'", "Error filling in template 'secret.erb' (line 2: Can't find property '[\"not.given\"]')"],
    ),
    "a static address outside": (
        static("10.250.0.5"),
        130012,
        [
            "manifest:11:43: instance_groups[0].networks[0].static_ips[0]",
            '10.250.0.5 is in no subnet of network "default"',
        ],
    ),
    "a static address in the dynamic part": (
        static("10.244.0.20"),
        130009,
        ["manifest:11:43: ", '10.244.0.20 is not among the static IPs of network "default"'],
    ),
    "an exhausted network": (
        manifest(group(network="{name: tiny}", count=20)),
        130011,
        ["Failed to reserve IP", "network 'tiny': no more available", "10.245.0.0/29", "Add a subnet"],
    ),
    "an unknown network": (
        manifest(group(network="{name: defualt}")),
        150001,
        ['manifest:11:15: instance_groups[0].networks[0].name: no network "defualt" (did you mean "default"?)'],
    ),
    "a missing variable": (
        manifest(group(more=", properties: {port: ((nowhere))}")),
        540001,
        ["Failed to find variable '/test/bad/nowhere'", "manifest:12:58: ((nowhere))"],
    ),
    "a link without a provider": (
        manifest(group("client")),
        190016,
        [
            "link 'web' with type 'http' from job 'client' in instance group 'web'",
            "No link providers found",
            "To fix it",
        ],
    ),
    "a link with two providers": (
        manifest(group(name="a") + group(name="b") + group("client", name="c")),
        190016,
        ["Multiple link providers found", "instance group 'a'", "instance group 'b'", "To fix it, rename one"],
    ),
    "an unknown stemcell": (
        manifest(group(), stemcell='"9.9"'),
        50003,
        ["manifest:3:45: stemcells[0].version: ", "debian-12", '"9.9" (there are: 1.1, latest); upload it first'],
    ),
    "an unknown release": (
        manifest(group()).replace("version: latest", 'version: "77"', 1),
        30006,
        ["manifest:2:24: releases[0].version: ", '"77" (there are: 1, latest); upload it first'],
    ),
    "an unknown job": (
        manifest(group("servr")),
        140029,
        ['manifest:12:11: instance_groups[0].jobs[0].name: no job "servr" (did you mean "server"?) in release web/1'],
    ),
    "several faults": (
        manifest(group().replace("vm_type: small", "vm_type: smal").replace("azs: [z1]", "azs: [z9]")),
        140018,
        [
            'manifest:8:9: instance_groups[0].azs[0]: no availability zone "z9"',
            "manifest:9:3: ",
            '(did you mean "small"?)',
        ],
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_new_deployment_is_refused(site: Site, what: str) -> None:
    text, code, parts = FAULTS[what]
    given, message = site.refused(text)
    assert given == code
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize("what", ["a template that raises", "an exhausted network", "an unknown job"])
def test_a_deployment_that_runs_is_left_as_it_is(site: Site, what: str) -> None:
    """All that is remembered of the try is its manifest."""
    text = FAULTS[what][0].replace("name: bad", "name: good")
    with site.director.store() as store:
        row = store.deployments.get(name="good")
        assert row is not None
        with site.unchanged(but=["deployments"]):
            site.error_of(site.director.deploy(text))
        after = store.deployments.get(name="good")
        assert after is not None
        assert (after.desired_manifest, after.manifest) == (text, row.manifest)
        store.deployments.update(row.id, desired_manifest=row.desired_manifest)


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        ("a: [1\nb: }", 440001, "manifest:2:2: "),
        ("", 440001, "should not be empty"),
        ("- a list", 440001, "should be a hash"),
        ("releases: []", 40001, "must have a 'name' key"),
    ],
)
def test_what_is_no_manifest_makes_no_task(site: Site, body: str, code: int, part: str) -> None:
    with site.director.client() as client, site.unchanged():
        reply = client.post("/deployments", content=body, headers={"Content-Type": "text/yaml"})
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert part in reply.json()["description"]
    assert "unicode string" not in reply.text
