"""A release's job in a VM, step by step as the agent takes them: compile, unpack, pre-start, monit, post-start, drain, stop."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bosh.release import sources
from bosh.testing.jobs import render_job

Vm = Any
"""``conftest.Vm``: conftest files cannot be imported by name."""

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
RELEASE = ROOT / "releases/nats"
JOB = "/var/vcap/jobs/nats"
PACKAGE = "/var/vcap/packages/nats-server"


def compiled(vm: Vm, data: Path) -> None:
    """What the agent does with a package: its files and ``packaging`` in a directory, run with a target."""
    work = data / "compile/nats-server"
    (work / "nats-server").mkdir(parents=True)
    for blob in sources.fetch(RELEASE, ROOT / ".cache/blobs"):
        shutil.copyfile(blob, work / "nats-server" / blob.name)
    shutil.copyfile(RELEASE / "packages/nats-server/packaging", work / "packaging")
    inside = "/var/vcap/data/compile/nats-server"
    vm.run("sh", "-c", f"cd {inside} && BOSH_INSTALL_TARGET={PACKAGE} bash -x packaging")


def unpacked(vm: Vm, data: Path, files: dict[str, str]) -> None:
    """What the agent does with rendered templates: 0750 for bin, 0640 for the rest, of root:vcap."""
    home = data / "jobs/nats"
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        (home / name).chmod(0o750 if name.startswith("bin/") else 0o640)
    vm.run("sh", "-c", f"chown -R root:vcap /var/vcap/data/jobs/nats && ln -sfn /var/vcap/data/jobs/nats {JOB}")
    vm.run(
        "sh",
        "-c",
        f"cp {JOB}/monit /var/vcap/monit/job/0000_nats.monitrc && mkdir -p /var/vcap/data/sys/run /var/vcap/data/sys/log",
    )
    vm.run("systemctl", "restart", "monit")
    vm.wait("monit knows the job", lambda: "nats" in vm.run("monit", "summary", check=False))


async def test_nats_lives_under_monit(vm: Vm, tmp_path: Path) -> None:
    if not shutil.which("ruby"):
        pytest.skip("ruby is not installed")
    properties = {"nats.user": "nats", "nats.password": "secret", "nats.jetstream.enabled": True}
    files = await render_job(RELEASE, "nats", properties)
    vm.wait("monit is active", lambda: vm.run("systemctl", "is-active", "monit", check=False).strip() == "active")
    compiled(vm, tmp_path / "data")
    unpacked(vm, tmp_path / "data", files)

    vm.run(f"{JOB}/bin/pre-start")
    vm.run("monit", "start", "-g", "vcap")
    vm.run(f"{JOB}/bin/post-start")
    pid = vm.run("cat", "/var/vcap/sys/run/nats/nats.pid").strip()
    assert vm.run("ps", "-o", "user=,args=", "-p", pid).split() == [
        "vcap",
        f"{PACKAGE}/bin/nats-server",
        "--config",
        f"{JOB}/config/nats.conf",
    ]
    vm.wait("monit sees it running", lambda: "OK" in vm.run("monit", "summary", check=False))
    assert vm.run("stat", "-c", "%U", "/var/vcap/store/nats").strip() == "vcap"

    vm.run("kill", "-KILL", pid)
    vm.run("sh", "-c", "monit validate || true")
    vm.wait(
        "monit has started it again",
        lambda: vm.run("cat", "/var/vcap/sys/run/nats/nats.pid", check=False).strip() not in {"", pid},
    )
    vm.run(f"{JOB}/bin/post-start")

    vm.run("monit", "unmonitor", "nats")
    assert vm.run(f"{JOB}/bin/drain") == "0\n"
    assert vm.run("pgrep", "nats-server", check=False) == ""
    vm.run(f"{JOB}/bin/ctl", "stop")
    assert vm.run("ls", "/var/vcap/sys/run/nats") == ""


async def test_the_banner_greets_who_logs_in(vm: Vm) -> None:
    if not shutil.which("ruby"):
        pytest.skip("ruby is not installed")
    files = await render_job(ROOT / "releases/os-conf", "login_banner", {"login_banner.text": "Hands off!"})
    vm.wait("systemd is running", lambda: vm.run("systemctl", "is-system-running", check=False).strip() == "running")
    vm.run("bash", "-c", files["bin/pre-start"])
    assert vm.run("cat", "/etc/motd") == "Hands off!\n"
