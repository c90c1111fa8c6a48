"""The job login_banner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bosh.testing.jobs import render_job

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")]

RELEASE = Path(__file__).parents[4] / "releases/os-conf"


def run(script: str) -> None:
    subprocess.run(["bash"], input=script, text=True, check=True)


@pytest.mark.parametrize("text", ["Hello", 'it\'s $HOME `here` \\ "quoted"\nsecond line\n', "100 %s"])
async def test_the_text_arrives_as_it_is(tmp_path: Path, text: str) -> None:
    files = await render_job(RELEASE, "login_banner", {"login_banner.text": text})
    script = files["bin/pre-start"]
    assert script.startswith("#!/bin/bash\n")
    target = tmp_path / "motd"
    run(script.replace("/etc/motd", str(target)))
    assert target.read_text() == f"{text}\n"


async def test_without_a_text_nothing_is_done() -> None:
    files = await render_job(RELEASE, "login_banner", {})
    assert "/etc/motd" not in files["bin/pre-start"]
    run(files["bin/pre-start"])
