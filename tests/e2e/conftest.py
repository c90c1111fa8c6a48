"""Every test here leaves the example deployment converged and running."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.environment import LocalEnvironment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(900))


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
    assert loops.count(str(environment.root)) == 3, f"one loop device a persistent disk:\n{loops}"
