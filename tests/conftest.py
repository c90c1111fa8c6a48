"""One environment of container VMs for all suites that need a whole one; it is made when the first of them asks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.environment import LocalEnvironment

ROOT = Path("/var/lib/bosh-e2e")


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
