"""The two commands on a machine that has nothing but Debian, Python, git and make. It takes minutes and needs the package registries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from bosh.testing.fresh_machine import FreshMachine, fresh_machine


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> None:
    """Here the last test looks itself."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshMachine]:
    if os.environ.get("BOSH_TEST_FRESH_MACHINE") != "1":
        pytest.skip("takes minutes and needs the package registries: set BOSH_TEST_FRESH_MACHINE=1")
    if os.geteuid() != 0 or not all(map(shutil.which, ("runc", "mmdebstrap", "apt-config"))):
        pytest.skip("needs root, runc and mmdebstrap: run .ci/setup")
    with fresh_machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


def test_up_and_down(machine: FreshMachine) -> None:
    """One life: up from nothing, up again, the printed next steps, down, nothing left."""
    first = machine.run("make up", timeout_s=1500)
    assert first.code == 0, first.text[-6000:]
    assert first.out.count("\trunning\t") == 3
    again = machine.run("make up", timeout_s=120)
    assert (again.code, "Everything is up to date" in again.err) == (0, True), again.text
    next_steps = "export BOSH_ENVIRONMENT=local BOSH_DEPLOYMENT=nats; PATH=$PWD/.venv/bin:$PATH;"
    for step in (
        "bosh instances --ps",
        "bosh run-errand smoke-tests",
        "bosh ssh nats/0 -c hostname",
        "bosh -n recreate nats/0",
        "bosh -n deploy --dry-run manifests/examples/nats.yml",
    ):
        done = machine.run(f"{next_steps} {step}", timeout_s=180)
        assert done.code == 0, f"{step}:\n{done.text}"
    down = machine.run("make down", timeout_s=120)
    assert down.code == 0, down.text
    left = "ls /var/lib/bosh-local; ip -4 -o address; ip route; losetup --all | grep bosh-local; nft list tables"
    assert "10.244." not in machine.run(left, timeout_s=30).text
    assert machine.run("ls /var/lib/bosh-local", timeout_s=30).out == ""
