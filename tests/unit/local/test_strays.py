"""Which processes are this environment's daemons."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.local import strays
from bosh.local.home import Home

HOME = Home(Path("/var/lib/x"))
PYTHON = "/opt/bosh/bin/python"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([PYTHON, "/opt/bosh/bin/bosh-director", "--config", "/var/lib/x/config/director.yml"], "bosh-director"),
        ([PYTHON, "/opt/bosh/bin/supervisord", "-c", "/var/lib/x/config/supervisord.conf"], "supervisord"),
        ([PYTHON, "/opt/bin/container-cpi", "--config", "/var/lib/x/config/cpi.json", "--serve"], "container-cpi"),
        (["/opt/bosh/bin/nats-server", "-c", "/var/lib/x/director/nats/nats.conf"], "nats-server"),
        ([PYTHON, "/opt/bosh/bin/bosh-director", "--config", "/var/lib/xy/config/director.yml"], ""),
        (["vim", "/var/lib/x/config/director.yml"], ""),
        (["tail", "-f", "/var/lib/x/log/bosh-director"], ""),
        ([PYTHON, "/opt/bosh/bin/bosh", "down", "--home", "/var/lib/x"], ""),
        ([""], ""),
    ],
)
def test_ours_is_who_runs_our_program_with_our_file(words: list[str], name: str):
    assert strays.program(HOME, words) == name


def process(proc: Path, pid: str, words: list[str], namespace: str = "mnt:[1]") -> None:
    (proc / pid / "ns").mkdir(parents=True)
    (proc / pid / "ns/mnt").symlink_to(namespace)
    (proc / pid / "cmdline").write_bytes("\0".join(words).encode() + b"\0")


def test_processes_are_found_by_what_they_run_here(tmp_path: Path):
    ours = ["nats-server", "-c", "/var/lib/x/director/nats/nats.conf"]
    process(tmp_path, "self", ["bosh", "up"])
    process(tmp_path, "12", ours)
    process(tmp_path, "13", ["sh"])
    process(tmp_path, "14", ours, namespace="mnt:[2]")
    (tmp_path / "15").mkdir()
    (tmp_path / "meminfo").touch()
    assert strays.find(HOME, proc=tmp_path) == {12: "nats-server"}


def test_a_daemon_without_a_supervisor_is_ended(tmp_path: Path):
    import subprocess

    home = Home(tmp_path / "x")
    script = tmp_path / "nats-server"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    with subprocess.Popen([script, "-c", f"{home.director_state}/nats/nats.conf"], stdin=subprocess.PIPE) as process:
        try:
            assert strays.find(home) == {process.pid: "nats-server"}
            assert strays.end(home) == {}
            assert process.wait(5) == -15
        finally:
            process.kill()
