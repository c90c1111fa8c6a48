"""Every script of this folder still gives the plans written in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bosh.testing.plan_script import run

SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


def _updating(config: pytest.Config) -> bool:
    """By option when this folder is named on the command line, by BOSH_UPDATE_PLANS anywhere."""
    return bool(config.getoption("--update-plans", default=False) or os.environ.get("BOSH_UPDATE_PLANS"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_plan_is_as_written(path: Path, pytestconfig: pytest.Config) -> None:
    script = path.read_text()
    printed = run(script)
    if _updating(pytestconfig):
        path.write_text(printed)
    else:
        assert printed == script


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 10
