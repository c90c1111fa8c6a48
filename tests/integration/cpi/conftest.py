"""A machine's worth of preparation: a tiny stemcell image, a state directory of the test's own, and a count of what is left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.container_vms import RANGE, Program, machine_state
from bosh.testing.tiny_stemcell import tiny_image, why_no_containers


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = why_no_containers()
    if reason:
        pytest.skip(f"container VMs cannot be made here: {reason}")
    return tiny_image(tmp_path_factory.mktemp("image") / "image.tgz")


@pytest.fixture
def program(image: Path, tmp_path: Path) -> Iterator[Program]:
    """Whatever the test did, nothing of it stays on the machine."""
    config = {
        "state_dir": str(tmp_path / "state"),
        "ranges": [RANGE],
        "dynamic_range": RANGE,
        "dns": ["10.9.9.9"],
        "agent": {"mbus": "nats://bus:4222"},
    }
    made = Program(config, tmp_path, image)
    try:
        yield made
    finally:
        done = made.run("destroy-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine_state(config) == []
    assert not (tmp_path / "state").exists()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[str]:
    """Another host beyond this machine: a namespace at 10.245.76.2 behind 10.245.76.1, which knows no way to any VM."""
    name = f"w{abs(hash(tmp_path)) % 10**8}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)

    ip("netns", "add", name)
    try:
        ip("link", "add", f"{name}h", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", "10.245.76.1/24", "dev", f"{name}h")
        ip("link", "set", f"{name}h", "up")
        ip("-n", name, "addr", "add", "10.245.76.2/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", f"{name}h"], check=False, capture_output=True)
        ip("netns", "del", name)
