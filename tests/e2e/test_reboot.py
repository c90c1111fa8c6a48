"""The machine goes down without a word and comes up again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.environment import LocalEnvironment, wait_until
from bosh.testing.reboot import reboot


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> None:
    """Here the fixture below looks itself."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEnvironment]:
    if os.geteuid() != 0:
        pytest.skip("container VMs need root")
    if shutil.which("runc") is None:
        pytest.skip("container VMs need runc: run .ci/setup")
    home = tmp_path_factory.mktemp("home")
    environment = LocalEnvironment(Path("/var/lib/bosh-reboot"), "10.243.0.0/16", 43555, "reboot", home)
    environment.run("down")
    try:
        environment.must("up", timeout_s=900)
        yield environment
    finally:
        down = environment.run("down")
        left = environment.leftovers()
        assert down.code == 0, down.text
        assert left == []


def instances(environment: LocalEnvironment) -> dict[str, tuple[str, str]]:
    """Instance → its VM and its address."""
    return {row["instance"]: (row["vm_cid"], row["ips"]) for row in environment.rows("-d", "nats", "vms")}


def on(environment: LocalEnvironment, command: str) -> list[str]:
    """A command's output on every instance."""
    rows = environment.rows("-d", "nats", "ssh", "-r", "-c", command)
    return [row["stdout"].strip() for row in rows]


def all_run(environment: LocalEnvironment) -> bool:
    return [row["process_state"] for row in environment.rows("-d", "nats", "vms")] == ["running"] * 3


def created(environment: LocalEnvironment) -> int:
    events = environment.rows("events", "--object-type", "vm")
    return sum(row["action"] == "create" for row in events)


@pytest.mark.parametrize("command", [("up",), ("up", "--resume")], ids=["make up", "the unit at boot"])
def test_everything_is_back(own: LocalEnvironment, command: tuple[str, ...]) -> None:
    mark = command[-1].strip("-")
    on(own, f"sudo sh -c 'echo {mark} > /var/vcap/store/mark; echo {mark} > /var/vcap/data/mark; sync'")
    before, made = instances(own), created(own)
    reboot(own)
    assert own.run("env").code != 0
    ended = own.run(*command, timeout_s=180)
    assert ended.code == 0, ended.text
    assert "Updating instance" not in ended.text
    assert instances(own) == before
    wait_until(lambda: all_run(own), within_s=60, what="all jobs run")
    assert on(own, "cat /var/vcap/store/mark /var/vcap/data/mark") == [f"{mark}\n{mark}"] * 3
    assert created(own) == made
    assert own.rows("locks") == []


def test_nothing_is_resumed_where_nothing_was(own: LocalEnvironment, tmp_path: Path) -> None:
    ended = own.run("up", "--resume", "--home", str(tmp_path / "none"))
    assert ended.code == 1
    assert "there is no environment" in ended.text
    assert not (tmp_path / "none").exists()
