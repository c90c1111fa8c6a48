"""bosh/agent/machine: mounts, disks, hosts, certificates, users, vitals."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.agent.config import LinuxOptions
from bosh.agent.machine.certificates import Certificates
from bosh.agent.machine.commands import FakeCommands
from bosh.agent.machine.disks import DEVICE_TIMEOUT_S, Disks
from bosh.agent.machine.hosts import Hosts, hosts_text
from bosh.agent.machine.mounts import FakeMounts, Mount, SystemMounts, parse_mountinfo
from bosh.agent.machine.users import matching
from bosh.agent.machine.vitals import SystemVitals, memory_of, parse_meminfo, parse_stat, shares
from bosh.agent.paths import Paths
from bosh.agent.settings import DiskHint
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError
from bosh.wire.heartbeat import Cpu, Memory

MOUNTINFO = """22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 7:3 / /var/vcap/store rw,noatime master:2 shared:4 - ext4 /dev/bosh-disk-1 rw
31 22 0:30 / /mnt/with\\040space rw - tmpfs tmp\\134fs rw
broken line
"""


def test_mountinfo() -> None:
    assert parse_mountinfo(MOUNTINFO) == [
        Mount("/dev/root", Path("/"), "ext4", "8:1"),
        Mount("/dev/bosh-disk-1", Path("/var/vcap/store"), "ext4", "7:3"),
        Mount("tmp\\fs", Path("/mnt/with space"), "tmpfs", "0:30"),
    ]


async def test_unmounting_waits_for_who_holds_it(tmp_path: Path) -> None:
    commands, clock = FakeCommands(), FakeClock()
    commands.answer("umount", status=32, stderr="target is busy")
    mounts = SystemMounts(commands, clock, tmp_path / "mountinfo")
    with pytest.raises(BoshError, match="target is busy"):
        await mounts.unmount(tmp_path)
    assert clock.monotonic_s() == 59


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


class Fixture:
    def __init__(self, directory: Path, options: LinuxOptions) -> None:
        self.paths, self.mounts, self.commands = Paths(directory), FakeMounts(), FakeCommands()
        self.disks = Disks(options, self.paths, self.mounts, self.commands, FakeClock())
        directory.mkdir(exist_ok=True)
        self.device = directory / "vdb"
        self.device.touch()

    @property
    def ran(self) -> list[str]:
        return [command[0] for command in self.commands.ran if command[0] != "blkid"]


async def test_an_empty_disk_is_formatted_whole_or_partitioned(tmp_path: Path) -> None:
    whole = Fixture(tmp_path / "whole", LinuxOptions(partitioner="none"))
    await whole.disks.mount_persistent(DiskHint("d", path=str(whole.device)))
    assert whole.ran == ["mkfs.ext4"]
    assert whole.mounts.points_of(whole.device) == [whole.paths.store]
    assert whole.paths.mounted_disk.read_text() == "d"

    gpt = Fixture(tmp_path / "gpt", LinuxOptions())
    await gpt.disks.mount_persistent(DiskHint("d", path=str(gpt.device), file_system="xfs"))
    assert gpt.ran == ["sh", "partx", "mkfs.xfs"]
    assert gpt.mounts.points_of(Path(f"{gpt.device}1")) == [gpt.paths.store]


async def test_a_preformatted_disk_is_only_mounted(tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, LinuxOptions(preformatted_persistent_disk=True))
    await fixture.disks.mount_persistent(DiskHint("d", path=str(fixture.device)))
    assert fixture.commands.ran == []


async def test_a_device_that_never_comes(tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, LinuxOptions())
    with pytest.raises(BoshError, match="cannot find the device of disk 'd'"):
        await fixture.disks.device(DiskHint("d", path=str(tmp_path / "vdz")))
    assert DEVICE_TIMEOUT_S == 30


async def test_named_and_dynamic_disks_are_links(tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, LinuxOptions())
    hint = DiskHint("d", path=str(fixture.device))
    await fixture.disks.associate("cache", hint)
    assert (fixture.paths.disk_associations / "cache").readlink() == fixture.device
    await fixture.disks.add_dynamic(hint)
    assert (fixture.paths.dynamic_disks / "d").readlink() == fixture.device
    fixture.disks.remove_dynamic("d")
    fixture.disks.remove_dynamic("d")
    assert not (fixture.paths.dynamic_disks / "d").is_symlink()
    with pytest.raises(BoshError):
        await fixture.disks.associate("../x", hint)


async def test_a_machine_is_named_once(tmp_path: Path) -> None:
    commands = FakeCommands()
    hosts = Hosts(tmp_path, commands)
    await hosts.name_machine("id")
    hosts.write("id", [["10.0.0.1", "a.bosh"]])
    await hosts.name_machine("id")
    assert commands.ran == [["hostname", "id"]]
    assert (tmp_path / "hosts").read_text() == hosts_text("id", [["10.0.0.1", "a.bosh"]])
    assert hosts_text("id", []).startswith("127.0.0.1 id localhost\n")


async def test_trusted_certificates_are_exactly_those(tmp_path: Path) -> None:
    commands = FakeCommands()
    certificates = Certificates(tmp_path, commands)
    one, two = (f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----" for name in ("one", "two"))
    await certificates.trust("")
    assert commands.ran == []
    await certificates.trust(f"junk\n{one}\n{two}\n")
    assert contents(tmp_path) == {
        "bosh-trusted-cert-1.crt": one + "\n",
        "bosh-trusted-cert-2.crt": two + "\n",
    }
    await certificates.trust(f"{one}{two}")
    assert len(commands.ran) == 1
    await certificates.trust(two)
    assert list(contents(tmp_path).values()) == [two + "\n"]


def test_only_ephemeral_users_match() -> None:
    assert matching(["root", "bosh_a1", "bosh_b2", "vcap"], ".*") == ["bosh_a1", "bosh_b2"]
    assert matching(["bosh_a1", "bosh_b2"], "^bosh_a") == ["bosh_a1"]
    with pytest.raises(BoshError):
        matching([], "(")


def test_processor_shares() -> None:
    before = parse_stat("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1\n")
    now = parse_stat("cpu  150 10 70 850 70 0 0 0 0 0\n")
    share = shares(before, now)
    assert (share.user, round(share.system, 2), round(share.wait, 2)) == (40.0, 13.33, 13.33)
    assert shares(now, now) == Cpu()


def test_memory() -> None:
    info = parse_meminfo("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nSwapTotal: 0 kB\n")
    assert memory_of(info, None, None) == Memory(400, 40)
    assert memory_of(info, 500, 100) == Memory(100, 20)
    assert memory_of(info, 5000, 100) == Memory(400, 40)


def test_this_machine(tmp_path: Path) -> None:
    mounts = FakeMounts()
    mounts.mounted.append(Mount("/dev/root", Path("/")))
    reader = SystemVitals(Paths(tmp_path), mounts)
    vitals = reader.read()
    assert vitals.memory.used_kb > 0
    assert vitals.uptime_s > 0
    assert set(vitals.disks) == {"system"}
