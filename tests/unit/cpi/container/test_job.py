"""The release's job: each property is used, and what it renders is what the program reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from container_cpi.config import Config, parse_config

from bosh.render.model import Binding, JobTemplates, RenderedJob
from bosh.render.renderer import Renderer

RELEASE = Path(__file__).parents[4] / "cpi" / "container"
JOB = RELEASE / "jobs" / "container_cpi"
SPEC: dict[str, Any] = yaml.safe_load((JOB / "spec").read_text())
EVERYTHING: dict[str, Any] = {
    "state_dir": "/s",
    "ranges": ["10.1.0.0/16"],
    "dynamic_range": "10.1.1.0/24",
    "managed_range": "10.1.2.0/24",
    "host_addresses": ["10.1.0.9"],
    "dns": ["1.1.1.1"],
    "agent": {"mbus": "nats://x"},
    "runc": "/usr/bin/runc",
}


def defaults() -> dict[str, Any]:
    return {name.removeprefix("container_cpi."): entry["default"] for name, entry in SPEC["properties"].items()}


async def rendered(properties: dict[str, Any]) -> RenderedJob:
    templates = {
        source: (target, (JOB / "templates" / source).read_bytes()) for source, target in SPEC["templates"].items()
    }
    job = JobTemplates("container_cpi", "fingerprint", (JOB / "monit").read_bytes(), templates)
    binding = Binding(spec={"job": {"name": "container_cpi"}}, properties={"container_cpi": properties}, links={})
    async with Renderer() as renderer:
        [outcome] = await renderer.render([(job, binding)])
    assert isinstance(outcome, RenderedJob), outcome
    return outcome


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ruby") is None, reason="needs ruby for ERB")
async def test_defaults_are_the_programs_own() -> None:
    content = json.loads((await rendered(defaults())).files["config/cpi.json"])
    assert parse_config(content) == Config(Path("/var/vcap/store/container_cpi"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ruby") is None, reason="needs ruby for ERB")
async def test_everything_set_arrives() -> None:
    assert json.loads((await rendered(EVERYTHING)).files["config/cpi.json"]) == EVERYTHING


def test_every_setting_of_the_program_is_a_property() -> None:
    assert {f"container_cpi.{name}" for name in Config.__dataclass_fields__} == SPEC["properties"].keys()
    assert EVERYTHING.keys() == Config.__dataclass_fields__.keys()


def test_packaging_lays_wheels_on_a_path(tmp_path: Path) -> None:
    """With a wheel that stands for all: the last line of the script imports what the program needs."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "all.whl", "w") as wheel:
        for name in ("container_cpi/__init__.py", "container_cpi/cloud.py", "pyroute2.py"):
            wheel.writestr(name, "")
    environment = {
        "BOSH_INSTALL_TARGET": str(tmp_path / "target"),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    script = RELEASE / "packages" / "container_cpi" / "packaging"
    subprocess.run(["bash", str(script)], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=20)
    assert (tmp_path / "target/lib/container_cpi/cloud.py").exists()
