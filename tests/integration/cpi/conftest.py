"""A machine's worth of preparation: a tiny stemcell image, a state directory of the test's own, and a count of what is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bosh.testing.tiny_stemcell import tiny_image, why_no_containers

RANGE = "10.245.77.0/24"


@pytest.fixture(scope="session")
def able() -> None:
    reason = why_no_containers()
    if reason:
        pytest.skip(f"container VMs cannot be made here: {reason}")


@pytest.fixture(scope="session")
def image(able: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_image(tmp_path_factory.mktemp("image") / "image.tgz")


def leftovers(state_dir: Path, before: frozenset[str]) -> frozenset[str]:
    """What this machine has now and had not before."""
    return frozenset(item for item in machine_state(state_dir) if item not in before)


def machine_state(state_dir: Path) -> frozenset[str]:
    """Interfaces of ours, guard routes, firewall tables, and mounts, loop devices, groups and processes of one state directory."""
    lines = {f"interface {path.name}" for path in Path("/sys/class/net").iterdir() if path.name[0] in "bv"}
    routes = subprocess.run(
        ["ip", "route", "show", "type", "unreachable"], capture_output=True, text=True, check=True
    ).stdout
    lines |= {f"route {line.strip()}" for line in routes.splitlines()}
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    lines |= {line for line in tables.splitlines() if "bosh_" in line}
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    lines |= {f"mount {line.split()[4]}" for line in mounts if str(state_dir) in line}
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        if str(state_dir) in backing.read_text():
            lines.add(f"loop {backing}")
    for group in Path("/sys/fs/cgroup").glob("**/bosh-*"):
        lines.add(f"cgroup {group}")
    return frozenset(lines)


class Program:
    """The CPI as a process."""

    def __init__(self, config: dict[str, Any], directory: Path) -> None:
        self.config = config
        self.file = directory / "config.json"
        self.file.write_text(json.dumps(config))
        self._command = [sys.executable, "-m", "container_cpi.main", "--config", str(self.file)]

    def answer(self, request: bytes) -> bytes:
        return subprocess.run(self._command, input=request, capture_output=True, timeout=60, check=False).stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=120, check=False)

    def listed(self) -> dict[str, Any]:
        listed: dict[str, Any] = json.loads(self.run("list").stdout)
        return listed


@pytest.fixture
def program(image: Path, tmp_path: Path) -> Iterator[Program]:
    """Whatever the test did, nothing of it stays on the machine."""
    state_dir = tmp_path / "state"
    before = machine_state(state_dir)
    made = Program(
        {"state_dir": str(state_dir), "ranges": [RANGE], "dynamic_range": RANGE, "agent": {"mbus": "nats://x:1"}},
        tmp_path,
    )
    try:
        yield made
    finally:
        done = made.run("destroy-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert not leftovers(state_dir, before)
    assert not state_dir.exists()
