"""bosh/agent/bundle.py"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bosh.agent.bundle import build


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes_and_they_run(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "agent.pyz", tmp_path / "b.pyz"
    build(first)
    build(second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_mode & 0o111
    names = zipfile.ZipFile(first).namelist()
    assert {"__main__.py", "bosh/agent/main.py", "bosh/wire/nats.py", "bosh/system/clock.py"} <= set(names)
    assert not [
        name
        for name in names
        if name.startswith("bosh/")
        and name.split("/")[1] not in {"__init__.py", "__init__.pyc", "agent", "wire", "system"}
    ]


@pytest.mark.slow
def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    build(tmp_path / "agent.pyz")
    ran = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "agent.pyz", "-v"], check=True, capture_output=True, text=True
    )
    assert ran.stdout == "0.1.0\n"
