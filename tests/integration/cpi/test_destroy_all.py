"""The end of everything, whatever is left of the records."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from container_cpi import loops

from bosh.testing.container_vms import Program, machine_state, manual

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "none": lambda state: None,
    "a VM's record is half written": lambda state: _cut(next(state.glob("vms/*/vm.json"))),
    "a VM's record is lost": lambda state: next(state.glob("vms/*/vm.json")).unlink(),
    "a disk's record is lost": lambda state: next(state.glob("disks/*.json")).unlink(),
    "a disk's image is lost": lambda state: next(state.glob("disks/*.img")).unlink(),
    "the network's record is lost": lambda state: (state / "network.json").unlink(),
    "the network's record is half written": lambda state: _cut(state / "network.json"),
    "runc's records are lost": lambda state: shutil.rmtree(state / "runc"),
    "everything is lost": lambda state: shutil.rmtree(state, ignore_errors=True),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_nothing_is_left(program: Program, damage: Callable[[Path], None]) -> None:
    vm = program.vm({"net": manual("10.245.77.5")})
    program.call("attach_disk", vm, program.call("create_disk", 16, {}, vm))
    damage(program.state_dir)
    done = program.run("destroy-all")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert machine_state(program.config) == []
    assert not program.state_dir.exists()


def test_what_resists_is_named(program: Program) -> None:
    disk = program.call("create_disk", 16, {}, None)
    vm = program.vm({"net": manual("10.245.77.5")})
    program.call("attach_disk", vm, disk)
    number = loops.loop_of(program.state_dir / "disks" / f"{disk}.img")
    assert number is not None
    descriptor = os.open(loops.node(number), os.O_RDONLY)
    try:
        done = program.run("destroy-all")
    finally:
        os.close(descriptor)
    assert done.returncode == 1
    assert disk in done.stderr
    assert "in use" in done.stderr
    assert program.run("destroy-all").returncode == 0
    assert machine_state(program.config) == []
