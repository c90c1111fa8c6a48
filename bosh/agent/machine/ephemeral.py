"""The disk that lives as long as its VM: swap, and ``/var/vcap/data`` (bosh-agent: SetupEphemeralDiskWithPath).

Containers and machines whose cloud lays them out have none (``Platform.Linux.SkipDiskSetup``).
"""

from __future__ import annotations

from pathlib import Path

from bosh.agent.machine.commands import Command, Commands
from bosh.agent.machine.disks import NOTHING_FOUND, Disks
from bosh.agent.machine.mounts import Mounts, at
from bosh.agent.settings import DiskHint
from bosh.wire.errors import BoshError

MIB = 1 << 20


def swap_mib(disk_mib: int, memory_mib: int, wanted_mib: int | None) -> int:
    """As much as there is memory, at most half of the disk, unless ``env.bosh.swap_size`` says otherwise."""
    return min(memory_mib, disk_mib // 2) if wanted_mib is None else wanted_mib


def partitions(swap: int) -> str:
    """sfdisk's script: swap of so many MiB, where there is any, then the rest."""
    first = f"size={swap}MiB, type=S\\n" if swap else ""
    return f"label: gpt\\n{first}type=L\\n"


class EphemeralDisk:
    def __init__(self, disks: Disks, mounts: Mounts, commands: Commands, data: Path) -> None:
        self._disks = disks
        self._mounts = mounts
        self._commands = commands
        self._data = data

    async def set_up(self, hint: DiskHint, memory_mib: int, wanted_swap_mib: int | None) -> None:
        """Partition and format the disk unless that was done, and mount it; nothing when it is mounted.

        Raises:
            BoshError: the device does not appear, or a tool fails.
        """
        if at(self._mounts, self._data) is not None:
            return
        device = await self._disks.device(hint)
        swap = swap_mib(await self._size_mib(device), memory_mib, wanted_swap_mib)
        if not await self._has_partitions(device):
            await self._partition(device, swap)
        if swap:
            await self._commands.check(["swapon", str(partition(device, 1))])
        self._make_directory()
        await self._mounts.mount(partition(device, 2 if swap else 1), self._data)

    def _make_directory(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o750)

    async def _size_mib(self, device: Path) -> int:
        text = (await self._commands.check(["blockdev", "--getsize64", str(device)])).stdout
        try:
            return int(text) // MIB
        except ValueError as error:
            raise BoshError(f"cannot read the size of {device}", details=text) from error

    async def _has_partitions(self, device: Path) -> bool:
        asked = ["blkid", "-p", "-s", "PTTYPE", "-o", "value", str(device)]
        result = await self._commands.run(Command(asked))
        if result.status not in {0, NOTHING_FOUND}:
            raise BoshError(f"cannot read {device}", details=result.stderr)
        return bool(result.stdout.strip())

    async def _partition(self, device: Path, swap: int) -> None:
        await self._commands.check(["sh", "-c", 'printf "$0" | sfdisk "$@"', partitions(swap), str(device)])
        await self._commands.check(["partx", "--update", str(device)])
        if swap:
            await self._commands.check(["mkswap", str(partition(device, 1))])
        lazy = "lazy_itable_init=1,lazy_journal_init=1"
        await self._commands.check(["mkfs.ext4", "-F", "-E", lazy, str(partition(device, 2 if swap else 1))])


def partition(device: Path, number: int) -> Path:
    """The kernel writes a ``p`` between a name that ends in a digit and the number."""
    name = str(device)
    return Path(f"{name}p{number}" if name[-1].isdigit() else f"{name}{number}")
