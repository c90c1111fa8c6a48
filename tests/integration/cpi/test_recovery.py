"""Crashes and restarts: nothing is lost, nothing is left unowned."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bosh.testing.container_vms import Program, machine_state, manual

pytestmark = [pytest.mark.integration, pytest.mark.slow]
NET = {"net": manual("10.245.77.5")}


def change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def pull_the_plug(program: Program, vm: str) -> None:
    """What a restart of the machine leaves: the files, and nothing of the kernel's."""
    record = program.record(vm)
    os.kill(record["process"]["pid"], signal.SIGKILL)
    subprocess.run(
        ["runc", "--root", str(program.state_dir / "runc"), "delete", "--force", vm], check=True, capture_output=True
    )
    shutil.rmtree(program.state_dir / "runc")
    directory = program.state_dir / "vms" / vm
    for name in ("netns", "root"):
        subprocess.run(["umount", "-l", str(directory / name)], check=True)
    for nic in record["connection"]["nics"]:
        subprocess.run(["ip", "link", "del", nic["host_device"]], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", nic["bridge"]], check=True)
    for image in program.state_dir.glob("disks/*.img"):
        found = subprocess.run(
            ["losetup", "-j", str(image), "-O", "NAME", "-n"], capture_output=True, text=True, check=True
        )
        for device in found.stdout.split():
            subprocess.run(["losetup", "-d", device], check=True)
    identity = next(line for line in machine_state(program.config) if line.startswith("table"))
    subprocess.run(["nft", "delete", *identity.split()], check=True)
    subprocess.run(["ip", "route", "del", "unreachable", "10.245.77.0/24", "metric", "4278198272"], check=True)
    change(directory / "vm.json", process={**record["process"], "boot_id": "an earlier one"})
    change(program.state_dir / "network.json", boot_id="an earlier one")
    assert not [item for item in machine_state(program.config) if not item.startswith("cgroup")]


def test_vms_come_back_after_a_restart_of_the_machine(program: Program) -> None:
    vm = program.vm(NET, {"ports": [{"host": 28082, "container": 80}]})
    disk = program.call("create_disk", 16, {}, vm)
    path = program.call("attach_disk", vm, disk)
    program.inside(vm, "echo kept > /var/vcap/data/file; echo kept > /file")
    pull_the_plug(program, vm)
    assert program.call("has_vm", vm) is False
    done = program.run("restore")
    assert (done.returncode, done.stderr) == (0, "")
    assert program.call("has_vm", vm) is True
    assert program.inside(vm, "cat /file /var/vcap/data/file").split() == ["kept", "kept"]
    program.inside(vm, f"ping -c1 -W2 10.245.77.1 && test -b {path}")
    assert any(item.startswith("table") for item in machine_state(program.config))


def test_restore_changes_nothing_that_runs(program: Program) -> None:
    vm = program.vm(NET)
    before = program.record(vm)
    assert program.run("restore").returncode == 0
    assert program.record(vm) == before


def test_restore_removes_what_was_half_made(program: Program) -> None:
    vm = program.vm(NET)
    change(program.state_dir / "vms" / vm / "vm.json", phase="creating")
    assert program.call("has_vm", vm) is False
    assert program.run("restore").returncode == 0
    assert program.listed()["vms"] == []
    assert machine_state(program.config) == []


@pytest.mark.parametrize("after_s", [0.25, 0.30, 0.35, 0.40, 0.5])
def test_a_cpi_killed_while_it_creates_leaves_nothing_unowned(program: Program, after_s: float) -> None:
    """Restore, not the fixture's sweep, removes a VM whose cid nobody was told."""
    stemcell = program.stemcell()
    process = subprocess.Popen(program.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(program.request("create_vm", "a", stemcell, {}, NET, [], {}))
    process.stdin.close()
    time.sleep(after_s)
    process.kill()
    process.wait()
    time.sleep(0.3)
    assert program.run("restore").returncode == 0
    vms = program.listed()["vms"]
    assert all(vm["running"] for vm in vms)
    assert bool(machine_state(program.config)) == bool(vms)


def test_a_half_done_delete_is_finished_by_the_next(program: Program) -> None:
    vm = program.vm(NET)
    record = program.record(vm)
    change(program.state_dir / "vms" / vm / "vm.json", phase="deleting")
    os.kill(record["process"]["pid"], signal.SIGKILL)
    subprocess.run(["umount", "-l", str(program.state_dir / "vms" / vm / "root")], check=True)
    assert program.call("has_vm", vm) is False
    program.call("delete_vm", vm)
    assert machine_state(program.config) == []


def test_vms_outlive_the_process_that_made_them(program: Program) -> None:
    vm = program.vm(NET)
    assert program.call("has_vm", vm) is True
    assert program.listed()["vms"][0]["running"] is True
