"""bosh/agent/bootstrap.py, bosh/agent/machine/ephemeral.py"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.agent import bootstrap
from bosh.agent.config import LinuxOptions, load, parse
from bosh.agent.machine import build
from bosh.agent.machine.commands import FakeCommands
from bosh.agent.machine.ephemeral import partition, partitions, swap_mib
from bosh.agent.machine.machine import Machine
from bosh.agent.machine.mounts import FakeMounts
from bosh.agent.machine.users import FakeUsers
from bosh.agent.paths import Paths
from bosh.agent.settings import SettingsStore
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError

CONTAINER = LinuxOptions(skip_disk_setup=True, partitioner="none", default_tmp_dir=True)


class Fixed:
    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body

    async def read(self) -> Mapping[str, Any]:
        return self.body


async def boot(
    directory: Path, options: LinuxOptions = CONTAINER, bosh: Mapping[str, Any] | None = None, **more: Any
) -> tuple[Paths, Machine]:
    paths = Paths(directory / "vcap", directory / "root")
    machine = build.dummy(paths, options, FakeClock())
    if isinstance(machine.tools, FakeCommands):
        machine.tools.answer("blockdev", stdout=str(10 << 30))
    settings = SettingsStore(paths, [Fixed({"agent_id": "id", "env": {"bosh": bosh or {}}, **more})])
    await settings.load()
    await bootstrap.prepare_machine(paths, settings, machine, options)
    return paths, machine


def mounted(machine: Machine) -> list[Path]:
    assert isinstance(machine.mounts, FakeMounts)
    return [mount.point for mount in machine.mounts.mounted]


@pytest.fixture(autouse=True)
def _tmpdir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")


async def test_a_container(tmp_path: Path) -> None:
    paths, machine = await boot(tmp_path, bosh={"password": "crypted", "authorized_keys": ["key"]})
    assert isinstance(machine.users, FakeUsers)
    assert machine.users.passwords == {"root": "crypted", "vcap": "crypted"}
    assert machine.users.keys == {"vcap": ("key",)}
    assert (paths.base / "sys").readlink() == paths.data / "sys"
    assert mounted(machine) == [paths.data / "sys" / "run"]
    assert (paths.data / "jobs").stat().st_mode & 0o777 == 0o750
    assert (paths.etc / "hostname").read_text() == "id"
    await boot(tmp_path)


async def test_the_root_password_may_be_kept(tmp_path: Path) -> None:
    _, machine = await boot(tmp_path, bosh={"keep_root_password": True})
    assert isinstance(machine.users, FakeUsers)
    assert set(machine.users.passwords) == {"vcap"}


async def test_a_machine_with_an_ephemeral_disk(tmp_path: Path) -> None:
    device = tmp_path / "vdb"
    device.touch()
    paths, machine = await boot(
        tmp_path, LinuxOptions(), {"job_dir": {"tmpfs": True}}, disks={"ephemeral": str(device)}
    )
    assert isinstance(machine.tools, FakeCommands)
    programs = [command[0] for command in machine.tools.ran]
    assert programs == ["hostname", "blockdev", "blkid", "sh", "partx", "mkswap", "mkfs.ext4", "swapon"]
    assert mounted(machine) == [
        paths.data,
        paths.data / "sys" / "run",
        paths.data / "jobs",
        paths.sensitive_blobs,
        paths.root / "tmp",
        paths.root / "var" / "tmp",
    ]


def test_swap() -> None:
    assert swap_mib(10_000, 2_000, None) == 2_000
    assert swap_mib(3_000, 2_000, None) == 1_500
    assert swap_mib(3_000, 2_000, 0) == 0
    assert partitions(100) == "label: gpt\\nsize=100MiB, type=S\\ntype=L\\n"
    assert partitions(0) == "label: gpt\\ntype=L\\n"
    assert (partition(Path("/dev/sdb"), 2), partition(Path("/dev/nvme0n1"), 1)) == (
        Path("/dev/sdb2"),
        Path("/dev/nvme0n1p1"),
    )


async def test_unexpected_disks(tmp_path: Path) -> None:
    with pytest.raises(BoshError, match="Unexpected disk attached"):
        await boot(tmp_path, disks={"persistent": {"a": "/dev/a", "b": "/dev/b"}})


async def test_a_directory_with_content_is_not_replaced_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "vcap" / "sys" / "log").mkdir(parents=True)
    with pytest.raises(BoshError, match="cannot link"):
        await boot(tmp_path)


def test_agent_json(tmp_path: Path) -> None:
    config = parse(
        {
            "Platform": {"Linux": {"SkipDiskSetup": True, "PartitionerType": "none", "UseDefaultTmpDir": True, "X": 1}},
            "Infrastructure": {"Settings": {"Sources": [{"Type": "File"}], "UseRegistry": True}},
            "Agent": {"HeartbeatIntervalSeconds": 10},
        }
    )
    assert config.linux == CONTAINER
    assert (config.sources, config.heartbeat_interval_s) == (({"Type": "File"},), 10)
    assert load(None).heartbeat_interval_s == 60
    (tmp_path / "agent.json").write_text("[]")
    for name in ("agent.json", "gone.json"):
        with pytest.raises(BoshError, match="cannot read agent configuration"):
            load(tmp_path / name)
