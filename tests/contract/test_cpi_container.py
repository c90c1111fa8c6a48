"""The container cloud keeps every promise of a CPI, on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from container_cpi import admin
from container_cpi.cloud import ContainerCloud
from container_cpi.config import parse_config
from cpi_kit.dispatch import answer

from bosh.testing.contract_cpi import Environment, Subject, cpi_contract
from bosh.testing.tiny_stemcell import tiny_image, why_no_containers

pytestmark = pytest.mark.integration
RANGE = "10.245.78.0/24"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = why_no_containers()
    if reason:
        pytest.skip(f"container VMs cannot be made here: {reason}")
    return tiny_image(tmp_path_factory.mktemp("image") / "image.tgz")


def network(number: int) -> dict[str, dict[str, object]]:
    return {
        "private": {
            "type": "manual",
            "ip": f"10.245.78.{number}",
            "netmask": "255.255.255.0",
            "gateway": "10.245.78.1",
            "dns": ["10.245.78.1"],
            "default": ["dns", "gateway"],
            "cloud_properties": {},
        }
    }


@pytest.fixture
def subject(image: Path, tmp_path: Path) -> Iterator[Subject]:
    config = {"state_dir": str(tmp_path / "state"), "ranges": [RANGE], "managed_range": "10.245.79.0/24"}
    environment = Environment(
        image=image,
        networks=[network(2), network(3)],
        vm_cloud_properties={"memory_mb": 64, "cpus": 1},
        too_large_disk_mb=1_000_000_000,
        managed_network={"type": "manual", "netmask_bits": 28, "cloud_properties": {}},
    )
    try:
        yield Subject(partial(answer, ContainerCloud, config), environment)
    finally:
        failures = admin.destroy_all(parse_config(config), lambda line: None)
    assert not failures
    assert not (tmp_path / "state").exists()


TestContainerCloud = cpi_contract("TestContainerCloud")


def test_nothing_is_left_of_an_empty_house(image: Path, tmp_path: Path) -> None:
    """The program says so by its exit status, and again when there is nothing to do."""
    config = tmp_path / "config.json"
    config.write_text(f'{{"state_dir": "{tmp_path / "state"}"}}')
    for _ in range(2):
        command = [sys.executable, "-m", "container_cpi.main", "--config", str(config), "destroy-all"]
        assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
