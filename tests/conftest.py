"""One environment for the whole suite; every test leaves the example deployment converged and running."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.environment import LocalEnvironment

ROOT = Path("/var/lib/bosh-e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEnvironment]:
    if os.geteuid() != 0:
        pytest.skip("container VMs need root")
    if shutil.which("runc") is None:
        pytest.skip("container VMs need runc: run .ci/setup")
    made = LocalEnvironment(ROOT, "10.247.0.0/16", 45555, "e2e", tmp_path_factory.mktemp("home"))
    made.run("down")
    try:
        made.must("up", timeout_s=900)
        yield made
    finally:
        down = made.run("down")
        left = made.leftovers()
        assert down.code == 0, down.text
        assert left == []


@pytest.fixture
def manifest(environment: LocalEnvironment) -> Path:
    """The example's manifest as deployed, for changes."""
    path = environment.home / "nats.yml"
    path.write_text(environment.must("-d", "nats", "manifest"))
    return path


@pytest.fixture(autouse=True)
def _nothing_is_left_over(environment: LocalEnvironment) -> Iterator[None]:
    """After every test: three nodes running, one VM and one loop device each, no lock, and every VM known to the director."""
    yield
    rows = environment.rows("-d", "nats", "instances", "--details")
    nodes = [row for row in rows if row["instance"].startswith("nats/")]
    assert [row["process_state"] for row in nodes] == ["running"] * 3
    assert sorted(row["vm_cid"] for row in nodes) == sorted(vm["cid"] for vm in environment.vms())
    assert environment.rows("locks") == []
    loops = subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout
    assert loops.count(str(ROOT)) == 3, f"one loop device a persistent disk:\n{loops}"
