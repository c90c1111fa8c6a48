"""Real peers: the Go ``bosh``, and releases that nobody here wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

GO_CLI = "github.com/cloudfoundry/bosh-cli/v7@v7.9.4"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.compat)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def go_bosh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go CLI: the one that BOSH_GO_CLI names, or installed from its public module."""
    named = os.environ.get("BOSH_GO_CLI")
    if named:
        return Path(named)
    if shutil.which("go") is None:
        pytest.skip("BOSH_GO_CLI does not name a Go bosh, and there is no go to install one with")
    target = tmp_path_factory.mktemp("go-bosh")
    done = subprocess.run(
        ["go", "install", GO_CLI], env=os.environ | {"GOBIN": str(target)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"BOSH_GO_CLI does not name a Go bosh, and go cannot install {GO_CLI}: {done.stderr.strip()[:200]}")
    (program,) = target.iterdir()
    return program


@pytest.fixture(scope="session")
def bat_release() -> Path:
    """The release of the BOSH acceptance tests (``spec/system/assets/bat-release`` of their repository)."""
    named = os.environ.get("BOSH_BAT_RELEASE")
    if not named:
        pytest.skip("BOSH_BAT_RELEASE does not name a checkout of bosh-acceptance-tests' bat-release")
    return Path(named)
