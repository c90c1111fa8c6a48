"""Real file systems on loop devices."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.agent.config import LinuxOptions
from bosh.agent.machine.commands import SystemCommands
from bosh.agent.machine.disks import Disks
from bosh.agent.machine.mounts import SystemMounts
from bosh.agent.paths import Paths
from bosh.agent.settings import DiskHint
from bosh.system.clock import SystemClock
from bosh.wire.errors import BoshError

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


class Machine:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.paths = Paths(directory / "vcap")
        self.devices: list[str] = []
        commands, clock = SystemCommands(), SystemClock()
        self.mounts = SystemMounts(commands, clock)
        self.disks = Disks(LinuxOptions(partitioner="none"), self.paths, self.mounts, commands, clock)

    def add(self, cid: str, size_mb: int = 32, file_system: str = "") -> DiskHint:
        image = self.directory / f"{cid}.img"
        with image.open("wb") as stream:
            stream.truncate(size_mb << 20)
        try:
            device = run("losetup", "--find", "--show", str(image))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no loop devices: {error.stderr}")
        self.devices.append(device)
        return DiskHint(cid, path=device, file_system=file_system)

    def clean(self) -> None:
        for point in (self.paths.store, self.paths.store_migration_target):
            while subprocess.run(["umount", point], check=False, capture_output=True).returncode == 0:
                pass
        for device in self.devices:
            subprocess.run(["partx", "-d", device], check=False, capture_output=True)
            subprocess.run(["losetup", "-d", device], check=False, capture_output=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    try:
        yield machine
    finally:
        machine.clean()


async def test_a_new_disk_is_formatted_once_and_keeps_its_content(machine: Machine) -> None:
    disk = machine.add("disk-1")
    assert not await machine.disks.is_mounted(disk)
    await machine.disks.mount_persistent(disk)
    assert await machine.disks.is_mounted(disk)
    (machine.paths.store / "file").write_text("kept")
    await machine.disks.mount_persistent(disk)
    assert await machine.disks.unmount_persistent(disk)
    assert not await machine.disks.unmount_persistent(disk)
    assert not (machine.paths.store / "file").exists()
    await machine.disks.mount_last({"disk-1": disk})
    assert (machine.paths.store / "file").read_text() == "kept"


async def test_migration_moves_everything_to_the_new_disk(machine: Machine) -> None:
    old, new = machine.add("old"), machine.add("new", 48)
    await machine.disks.mount_persistent(old)
    (machine.paths.store / "data").mkdir(mode=0o700)
    (machine.paths.store / "data" / "x").write_text("moved")
    await machine.disks.mount_persistent(new)
    assert machine.mounts.points_of(Path(new.path)) == [machine.paths.store_migration_target]
    await machine.disks.migrate()
    assert machine.mounts.points_of(Path(new.path)) == [machine.paths.store]
    assert not await machine.disks.is_mounted(old)
    assert (machine.paths.store / "data" / "x").read_text() == "moved"
    assert (machine.paths.store / "data").stat().st_mode & 0o777 == 0o700
    assert machine.paths.mounted_disk.read_text() == "new"


async def test_a_grown_device_grows_its_file_system(machine: Machine) -> None:
    disk = machine.add("disk-1", 32)
    await machine.disks.mount_persistent(disk)
    before = os.statvfs(machine.paths.store).f_blocks
    await machine.disks.unmount_persistent(disk)
    with (machine.directory / "disk-1.img").open("r+b") as stream:
        stream.truncate(96 << 20)
    run("losetup", "-c", disk.path)
    await machine.disks.mount_persistent(disk)
    assert os.statvfs(machine.paths.store).f_blocks > 2 * before


async def test_foreign_content_is_not_formatted(machine: Machine) -> None:
    disk = machine.add("disk-1")
    run("mkswap", disk.path)
    with pytest.raises(BoshError, match="it holds swap"):
        await machine.disks.mount_persistent(disk)
    with pytest.raises(BoshError, match="not supported"):
        await machine.disks.mount_persistent(machine.add("disk-2", file_system="btrfs"))


async def test_without_a_target_nothing_is_migrated(machine: Machine) -> None:
    with pytest.raises(BoshError, match="no disk is mounted on the migration target"):
        await machine.disks.migrate()


async def test_another_disk_than_last_time_is_refused(machine: Machine) -> None:
    disk = machine.add("disk-1")
    await machine.disks.mount_persistent(disk)
    with pytest.raises(BoshError, match="disagrees"):
        await machine.disks.mount_last({"disk-2": disk})


async def test_a_partition_is_made_where_partitions_are_wanted(machine: Machine) -> None:
    machine.disks = Disks(LinuxOptions(), machine.paths, machine.mounts, SystemCommands(), SystemClock())
    disk = machine.add("disk-1", 64)
    if shutil.which("sfdisk") is None:
        pytest.skip("sfdisk is not installed")
    await machine.disks.mount_persistent(disk)
    assert machine.mounts.points_of(Path(f"{disk.path}p1")) == [machine.paths.store]
    before = os.statvfs(machine.paths.store).f_blocks
    await machine.disks.unmount_persistent(disk)
    with (machine.directory / "disk-1.img").open("r+b") as stream:
        stream.truncate(160 << 20)
    run("losetup", "-c", disk.path)
    await machine.disks.mount_persistent(disk)
    assert os.statvfs(machine.paths.store).f_blocks > 2 * before
