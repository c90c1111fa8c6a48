from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from container_cpi.config import Config
from container_cpi.networks import connect
from container_cpi.oci import Limits
from container_cpi.records import CREATING, RUNNING, Disk, Process, Records, Vm
from cpi_kit.errors import DiskNotFound, VMNotFound

NETWORK: dict[str, Any] = {"type": "manual", "ip": "10.1.0.5", "netmask": "255.255.255.0", "gateway": "10.1.0.1"}
NETWORKS: dict[str, Any] = {
    "a": NETWORK,
    "b": {**NETWORK, "ip": "10.2.0.5", "gateway": None},
    "v": {"type": "vip", "ip": "10.7.0.1"},
}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(Config(tmp_path / "state"))


def vm(phase: str = RUNNING) -> Vm:
    connection = connect(Config(Path("/s")), NETWORKS, {"ports": [{"host": 80}]}, taken=(), seed="a" * 32)
    return Vm(
        "vm-1",
        phase,
        "agent",
        "stemcell-1",
        ("/sbin/init",),
        Limits(64, 0.5, 9),
        connection,
        {"x": 1},
        Process(5, 6, "b"),
    )


def test_a_vm_survives_its_file(records: Records) -> None:
    records.save_vm(vm())
    assert records.vm("vm-1") == records.known_vm("vm-1") == vm()
    assert records.vms() == [vm()]


def test_a_vm_that_is_not_complete_is_not_known(records: Records) -> None:
    records.save_vm(vm(CREATING))
    with pytest.raises(VMNotFound):
        records.known_vm("vm-1")


@pytest.mark.parametrize("cid", ["vm-2", "../vms/vm-1", ""])
def test_strangers(records: Records, cid: str) -> None:
    records.save_vm(vm())
    assert records.vm(cid) is None
    with pytest.raises(DiskNotFound):
        records.known_disk(cid)


def test_disks(records: Records) -> None:
    disk = Disk("disk-1", 5, "vm-1", {"a": 1}, {"b": 2})
    records.save_disk(disk)
    records.save_disk(Disk("disk-2", 5))
    assert records.known_disk("disk-1") == disk
    assert records.attached_disks("vm-1") == [disk]
    records.forget("disks", "disk-1")
    records.forget("disks", "disk-1")
    assert [left.cid for left in records.disks()] == ["disk-2"]


def test_records_are_for_root_alone(records: Records) -> None:
    records.save_vm(vm())
    assert records.vm_dir("vm-1").parent.stat().st_mode & 0o077 == 0
