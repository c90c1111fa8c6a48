"""The machine's setup on a machine that lacks a package, with an apt-get that writes down what it is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
TOOLS = [
    "sh",
    "env",
    "cat",
    "cut",
    "date",
    "dirname",
    "find",
    "flock",
    "grep",
    "head",
    "id",
    "mkdir",
    "printf",
    "rm",
    "sed",
    "sha256sum",
    "sort",
    "tail",
    "tr",
    "xargs",
]
HAD = [
    "python3",
    "runc",
    "crun",
    "mmdebstrap",
    "ip",
    "nft",
    "mkfs.ext4",
    "losetup",
    "unshare",
    "ssh-keygen",
    "tar",
    "xz",
    "ps",
    "curl",
    "busybox",
]


class Machine:
    """A copy of the setup beside an environment that is complete; ``bin`` is all that is on PATH, but for the system's ``sbin``."""

    def __init__(self, folder: Path) -> None:
        self.project, self.bin = folder / "project", folder / "bin"
        shutil.copytree(PROJECT / ".ci", self.project / ".ci")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.project / name).write_text("")
        (self.project / "cpi").mkdir()
        (self.project / "releases").mkdir()
        self.bin.mkdir()
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
        for name in HAD:
            self.program(name, "exit 0")
        self.program("dpkg", 'echo "dpkg $*" >> "$ASKED"')
        self.program("apt-get", 'echo "$*" >> "$ASKED"; echo "E: no network"; exit ${APT_STATUS:-0}')
        self.asked_file = folder / "asked"
        self._make_environment()

    def program(self, name: str, text: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def _make_environment(self) -> None:
        programs = self.project / ".venv/bin"
        programs.mkdir(parents=True)
        for name in ("python", "bosh"):
            (programs / name).write_text("#!/bin/sh\n")
            (programs / name).chmod(0o755)
        inputs = "".join(
            (self.project / name).read_text()
            for name in (".ci/setup", ".ci/uv.txt", "requirements.lock", "pyproject.toml")
        )
        digest = subprocess.run(["sha256sum"], input=inputs.encode(), capture_output=True, check=True).stdout.split()[0]
        (self.project / ".venv/.ready").write_bytes(digest + b"\n")

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.bin),
            "ASKED": str(self.asked_file),
            "HOME": os.environ.get("HOME", "/"),
            **variables,
        }
        return subprocess.run(
            [self.project / ".ci/setup"], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def asked(self) -> list[str]:
        """What apt-get and dpkg were asked, without apt-get's options."""
        lines = self.asked_file.read_text().splitlines() if self.asked_file.exists() else []
        return [line.partition("Acquire::Retries=3 ")[2] or line for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if os.geteuid() != 0:
        pytest.skip("asks for sudo when not root")
    return Machine(tmp_path)


def test_a_complete_machine_is_left_alone(machine: Machine) -> None:
    machine.program("ruby", "exit 0")
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.asked == []


def test_what_is_missing_is_installed_quietly(machine: Machine) -> None:
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "Installing: ruby\n", "")
    assert machine.asked == [
        "update",
        "install -y --fix-broken --no-install-recommends",
        "install -y --no-install-recommends ruby",
    ]


def test_without_a_network_the_end_of_apts_words_and_a_way_on_are_shown(machine: Machine) -> None:
    done = machine.set_up(APT_STATUS="100")
    assert done.returncode == 1
    assert "E: no network" in done.stderr
    assert "cannot repair the packages of this machine" in done.stderr
    assert "install these packages by hand, then repeat: ruby" in done.stderr


def test_an_interrupted_installation_is_finished_even_when_all_programs_are_there(machine: Machine) -> None:
    machine.set_up(APT_STATUS="100")
    machine.asked_file.unlink()
    machine.program("ruby", "exit 0")
    assert machine.set_up().returncode == 0
    assert machine.asked[0] == "dpkg --configure -a"
    machine.asked_file.unlink()
    assert machine.set_up().returncode == 0
    assert machine.asked == []


def test_a_system_without_apt_is_told_what_to_install(machine: Machine) -> None:
    (machine.bin / "apt-get").unlink()
    done = machine.set_up()
    assert done.returncode == 1
    assert "this system has no apt-get" in done.stderr
    assert "repeat: ruby" in done.stderr
