"""Our manifests and configs: whole, and agreeing with each other and with the releases."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MANIFESTS = sorted((ROOT / "manifests/examples").glob("*.yml"))
CLOUD: dict[str, Any] = yaml.safe_load((ROOT / "manifests/cloud-configs/container.yml").read_text())


def load(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


def addresses(texts: list[str]) -> set[ipaddress.IPv4Address]:
    found: set[ipaddress.IPv4Address] = set()
    for text in texts:
        first, _, last = (part.strip() for part in text.partition("-"))
        low, high = ipaddress.IPv4Address(first), ipaddress.IPv4Address(last or first)
        found |= {ipaddress.IPv4Address(number) for number in range(int(low), int(high) + 1)}
    return found


def test_the_subnet_is_in_the_range_that_may_be_used_and_its_parts_do_not_overlap() -> None:
    (subnet,) = CLOUD["networks"][0]["subnets"]
    network = ipaddress.IPv4Network(subnet["range"])
    assert network.subnet_of(ipaddress.IPv4Network("10.244.0.0/16"))
    static, reserved = addresses(subnet["static"]), addresses(subnet["reserved"])
    assert not static & reserved
    assert all(address in network for address in static | reserved)
    assert ipaddress.IPv4Address(subnet["gateway"]) not in static | reserved
    assert set(subnet["azs"]) == {zone["name"] for zone in CLOUD["azs"]}


def test_compilation_names_what_exists() -> None:
    compilation = CLOUD["compilation"]
    assert compilation["az"] in {zone["name"] for zone in CLOUD["azs"]}
    assert compilation["vm_type"] in {kind["name"] for kind in CLOUD["vm_types"]}
    assert compilation["network"] in {network["name"] for network in CLOUD["networks"]}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_deployment_fits_the_cloud_config(path: Path) -> None:
    manifest = load(path)
    static = addresses(CLOUD["networks"][0]["subnets"][0]["static"])
    for group in manifest["instance_groups"]:
        assert set(group["azs"]) <= {zone["name"] for zone in CLOUD["azs"]}
        assert group["vm_type"] in {kind["name"] for kind in CLOUD["vm_types"]}
        assert group.get("persistent_disk_type", "default") in {kind["name"] for kind in CLOUD["disk_types"]}
        assert group["stemcell"] in {stemcell["alias"] for stemcell in manifest["stemcells"]}
        for network in group["networks"]:
            taken = addresses(network.get("static_ips", []))
            assert taken <= static
            assert len(taken) in {0, group["instances"]}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_jobs_properties_and_variables_are_those_of_the_releases(path: Path) -> None:
    manifest = load(path)
    assert manifest["name"] == path.stem
    for group in manifest["instance_groups"]:
        for job in group["jobs"]:
            assert job["release"] in {release["name"] for release in manifest["releases"]}
            spec = load(ROOT / "releases" / job["release"] / "jobs" / job["name"] / "spec")
            unknown = [name for name in leaves(job.get("properties", {})) if not known(name, spec["properties"])]
            assert unknown == []
    defined = {variable["name"] for variable in manifest.get("variables", ())}
    used = {name.split(".")[0] for name in re.findall(r"\(\(([^)]+)\)\)", path.read_text())}
    signers = {variable.get("options", {}).get("ca") for variable in manifest.get("variables", ())} - {None}
    assert used | signers == defined


def leaves(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return [prefix]
    return [name for key, value in tree.items() for name in leaves(value, f"{prefix}.{key}" if prefix else key)]


def known(name: str, properties: dict[str, Any]) -> bool:
    """A property, or something inside one. A variable may not stand for several properties: directors look up each by its own name."""
    return any(name == each or name.startswith(f"{each}.") for each in properties)


def test_addons_are_those_of_the_releases() -> None:
    config = load(ROOT / "manifests/runtime-configs/os-conf.yml")
    for addon in config["addons"]:
        for job in addon["jobs"]:
            assert job["release"] in {release["name"] for release in config["releases"]}
            assert (ROOT / "releases" / job["release"] / "jobs" / job["name"] / "spec").is_file()


@pytest.mark.parametrize("path", sorted((ROOT / "manifests/examples/ops").glob("*.yml")), ids=lambda path: path.stem)
def test_ops_files_hold_operations(path: Path) -> None:
    operations = yaml.safe_load(path.read_text())
    assert operations
    assert all(
        operation["type"] in {"replace", "remove"} and operation["path"].startswith("/") for operation in operations
    )
