"""The unit that brings the environment back at boot, with a systemctl that writes down what it is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bosh.local.boot import Boot, unit
from bosh.local.home import Home
from bosh.wire.errors import SystemFailure

HOME = Home(Path("/var/lib/x"), alias="my env/1")
NAME = "bosh-local-my-env-1.service"


class Machine:
    """A machine that systemd has started."""

    def __init__(self, folder: Path) -> None:
        self._asked = folder / "asked"
        program = folder / "systemctl"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {self._asked}\n[ ! -e {folder}/broken ] || {{ echo no >&2; exit 3; }}\n'
        )
        program.chmod(0o755)
        (folder / "booted").mkdir()
        (folder / "units").mkdir()
        self.boot = Boot(folder / "units", folder / "booted", str(program))
        self.unit = folder / "units" / NAME
        self.said: list[str] = []

    def install(self, home: Home = HOME) -> None:
        self.boot.install(home, self.said.append)

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines() if self._asked.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_unit_is_written_and_enabled_once(machine: Machine):
    machine.install()
    machine.install()
    assert "up --resume --home /var/lib/x" in machine.unit.read_text()
    assert machine.asked == ["daemon-reload", f"enable {NAME}"]
    assert machine.said == [f"After a reboot of this machine {NAME} brings everything back"]


def test_another_port_renews_the_unit(machine: Machine):
    machine.install()
    machine.install(replace(HOME, port=1234))
    assert "--port 1234" in machine.unit.read_text()
    assert machine.asked == ["daemon-reload", f"enable {NAME}"] * 2


def test_down_removes_it_and_may_be_repeated(machine: Machine):
    machine.install()
    machine.boot.remove(HOME)
    machine.boot.remove(HOME)
    assert not machine.unit.exists()
    assert machine.asked[2:] == [f"disable {NAME}", "daemon-reload"]


def test_without_systemd_a_person_is_told_what_to_do(machine: Machine):
    machine.boot = replace(machine.boot, booted=Path("/nonexistent"))
    machine.install()
    assert not machine.unit.exists()
    assert machine.asked == []
    assert machine.said == ["After a reboot of this machine, `make up` brings everything back"]


def test_a_unit_goes_even_where_systemd_is_gone(machine: Machine):
    machine.install()
    replace(machine.boot, systemctl="/nonexistent").remove(HOME)
    assert not machine.unit.exists()


def test_what_systemctl_says_is_passed_on(machine: Machine, tmp_path: Path):
    (tmp_path / "broken").touch()
    with pytest.raises(SystemFailure, match="cannot change what starts at boot") as caught:
        machine.install()
    assert caught.value.details == "no"


def test_words_are_taken_literally():
    text = unit(Home(Path('/srv/a b$c%d"e'), alias="x"), Path("/opt/bosh"))
    assert 'ExecStart=/opt/bosh up --resume --home "/srv/a b$$c%%d\\"e" --network' in text
