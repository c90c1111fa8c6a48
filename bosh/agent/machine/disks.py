"""Persistent disks: from a cloud's hint to a mounted file system (bosh-agent: platform/linux_platform.go, infrastructure/devicepathresolver).

Two layouts: with partitioner ``none`` the whole device is the file system (containers), else one GPT partition is. A file system is made
only where there is none, and grown each time it is mounted, which does nothing when it fills its device already.
"""

from __future__ import annotations

import glob
from pathlib import Path

from bosh.agent.config import LinuxOptions
from bosh.agent.install import archives
from bosh.agent.machine.commands import Command, Commands
from bosh.agent.machine.mounts import Mounts, at
from bosh.agent.paths import Paths
from bosh.agent.settings import DiskHint
from bosh.system.clock import Clock
from bosh.system.files import replace_link, write_atomically
from bosh.wire.errors import BoshError

DEVICE_TIMEOUT_S = 30.0
"""Clouds answer before the kernel has seen the disk; the original waits as long."""

FILE_SYSTEMS = ("ext4", "xfs")
ERRORS_CORRECTED = 1
"""Exit status of e2fsck up to which the file system is good."""

NOTHING_FOUND = 2
"""Exit status of blkid on a device without a known signature."""


class Disks:
    def __init__(self, options: LinuxOptions, paths: Paths, mounts: Mounts, commands: Commands, clock: Clock) -> None:
        self._options = options
        self._paths = paths
        self._mounts = mounts
        self._commands = commands
        self._clock = clock

    @property
    def _whole_device(self) -> bool:
        return self._options.partitioner == "none" or self._options.preformatted_persistent_disk

    # ---- mounting

    async def mount_persistent(self, hint: DiskHint) -> None:
        """Make the disk the store, or, where another disk is the store, the target of a migration.

        Raises:
            BoshError: no such device, an unknown file system is wanted, or formatting or mounting fails.
        """
        device = await self.device(hint)
        volume = self._volume(device)
        if self._paths.store in self._mounts.points_of(volume):
            return
        await self._prepare(hint, device, volume)
        point = self._paths.store
        if at(self._mounts, point) is not None:
            point = self._paths.store_migration_target
        point.mkdir(parents=True, exist_ok=True, mode=0o700)
        if point not in self._mounts.points_of(volume):
            await self._mounts.mount(volume, point, hint.mount_options)
        await self._grow_mounted(point)
        write_atomically(self._paths.mounted_disk, hint.cid.encode())

    async def is_mounted(self, hint: DiskHint) -> bool:
        """A disk whose device has gone is not mounted."""
        device = self._find(hint)
        return device is not None and bool(self._mounts.points_of(self._volume(device)))

    async def unmount_persistent(self, hint: DiskHint) -> bool:
        """Whether it was mounted.

        Raises:
            BoshError: still in use after a minute.
        """
        device = self._find(hint)
        points = self._mounts.points_of(self._volume(device)) if device else []
        for point in points:
            await self._mounts.unmount(point)
        return bool(points)

    async def migrate(self) -> None:
        """Copy the store to the migration target, then make that the store.

        Raises:
            BoshError: no target is mounted, or copying fails; the old store is mounted still, read-only.
        """
        store, target = self._paths.store, self._paths.store_migration_target
        new = at(self._mounts, target)
        if new is None:
            raise BoshError("Migrating persistent disk: no disk is mounted on the migration target")
        await self._mounts.remount_read_only(store)
        await archives.copy_tree(store, target, self._commands)
        await self._mounts.unmount(store)
        await self._mounts.unmount(target)
        await self._mounts.mount(Path(new.device), store)

    async def mount_last(self, known: dict[str, DiskHint]) -> None:
        """After a reboot: mount the disk that was mounted last.

        Raises:
            BoshError: another disk than that one is attached.
        """
        try:
            cid = self._paths.mounted_disk.read_text().strip()
        except FileNotFoundError:
            return
        if cid in known:
            await self.mount_persistent(known[cid])
        elif known:
            raise BoshError(
                "Attached disk disagrees with previous mount",
                details=f"last mounted was {cid}, attached are {', '.join(sorted(known))}",
            )

    # ---- named and dynamic disks

    async def associate(self, name: str, hint: DiskHint) -> None:
        """``instance/disks/<name>`` → device, for jobs that format their disks themselves."""
        replace_link(self._paths.disk_associations / _one_name(name), await self.device(hint))

    async def add_dynamic(self, hint: DiskHint) -> None:
        replace_link(self._paths.dynamic_disks / _one_name(hint.cid), await self.device(hint))

    def remove_dynamic(self, cid: str) -> None:
        (self._paths.dynamic_disks / _one_name(cid)).unlink(missing_ok=True)

    # ---- devices

    async def device(self, hint: DiskHint) -> Path:
        """The device node, once the kernel has it.

        Raises:
            BoshError: it did not appear in time.
        """
        deadline = self._clock.monotonic_s() + DEVICE_TIMEOUT_S
        while (device := self._find(hint)) is None:
            if self._clock.monotonic_s() >= deadline:
                raise BoshError(
                    f"cannot find the device of disk '{hint.cid}'",
                    details=f"nothing appeared for {hint} within {DEVICE_TIMEOUT_S:.0f} s",
                )
            await self._clock.sleep_s(0.1)
        return device

    @staticmethod
    def _find(hint: DiskHint) -> Path | None:
        if hint.path and Path(hint.path).exists():
            return Path(hint.path)
        for name in (hint.device_id, hint.volume_id):
            if not name or "/" in name:
                continue
            # Guests see an id shortened (virtio, 20 characters) or without its dash (EBS on NVMe).
            for form in {name, name[:20], name.replace("-", "")}:
                for found in sorted(Path("/dev/disk/by-id").glob(f"*{glob.escape(form)}")):
                    return found.resolve()
        return None

    def _volume(self, device: Path) -> Path:
        """What carries the file system."""
        if self._whole_device:
            return device
        real = str(device.resolve())
        return Path(f"{real}p1" if real[-1].isdigit() else f"{real}1")

    # ---- layout

    async def _prepare(self, hint: DiskHint, device: Path, volume: Path) -> None:
        if self._options.preformatted_persistent_disk:
            return
        if not self._whole_device:
            await self._partition(device, volume)
        await self._format(hint, volume)

    async def _partition(self, device: Path, volume: Path) -> None:
        """One GPT partition over the whole device; an existing one grows with it."""
        if _exists(volume):
            if not self._mounts.points_of(volume):
                await self._sfdisk(device, ", +\\n", "--no-reread", "-N", "1")
            return
        if await self._signature(device):
            raise BoshError(
                f"cannot partition {device}: it has content that is not a partition table of this agent",
                resolution="Attach an empty disk, or one that was formatted by BOSH.",
            )
        await self._sfdisk(device, "label: gpt\\n,,L\\n", "--wipe", "never")

    async def _sfdisk(self, device: Path, script: str, *options: str) -> None:
        """Change the partition table and have the kernel know it."""
        await self._commands.check(["sh", "-c", 'printf "$0" | sfdisk "$@"', script, *options, str(device)])
        await self._commands.check(["partx", "--update", str(device)])

    async def _format(self, hint: DiskHint, volume: Path) -> None:
        wanted = hint.file_system or "ext4"
        if wanted not in FILE_SYSTEMS:
            raise BoshError(f'The filesystem type "{hint.file_system}" is not supported')
        existing = await self._signature(volume)
        if existing == "ext4" and not self._mounts.points_of(volume):
            await self._grow_ext4(volume)
        if existing in FILE_SYSTEMS:
            return
        if existing:
            raise BoshError(f"cannot format {volume}: it holds {existing}", resolution="Attach an empty disk.")
        # Inode tables are written later, by the kernel: a large disk is usable at once.
        lazy = ["-F", "-m", "1", "-E", "lazy_itable_init=1,lazy_journal_init=1"] if wanted == "ext4" else []
        await self._commands.check([f"mkfs.{wanted}", *lazy, str(volume)])

    async def _signature(self, device: Path) -> str:
        """Kind of content, empty when there is none.

        Raises:
            BoshError: the device cannot be read.
        """
        for tag in ("TYPE", "PTTYPE"):
            command = ["blkid", "-p", "-s", tag, "-o", "value", str(device)]
            result = await self._commands.run(Command(command))
            if result.status not in {0, NOTHING_FOUND}:
                raise BoshError(f"cannot read {device}", details=result.stderr or f"blkid: {result.status}")
            if result.stdout.strip():
                return result.stdout.strip()
        return ""

    async def _grow_ext4(self, volume: Path) -> None:
        """While it is not mounted: growing a mounted one needs a capability that containers often lack."""
        if (await self._commands.run(Command(["resize2fs", str(volume)]))).status == 0:
            return
        checked = await self._commands.run(Command(["e2fsck", "-f", "-p", str(volume)]))
        if checked.status > ERRORS_CORRECTED:
            raise BoshError(f"cannot repair the file system on {volume}", details=checked.stdout + checked.stderr)
        await self._commands.check(["resize2fs", str(volume)])

    async def _grow_mounted(self, point: Path) -> None:
        """An XFS can only grow while it is mounted."""
        mount = at(self._mounts, point)
        if mount is not None and mount.file_system == "xfs" and not self._options.preformatted_persistent_disk:
            await self._commands.check(["xfs_growfs", str(point)])


def _exists(device: Path) -> bool:
    return device.exists()


def _one_name(name: str) -> str:
    """Raises BoshError when the name would lead out of its directory."""
    if not name or "/" in name or name in {".", ".."}:
        raise BoshError(f"cannot name a link {name!r}")
    return name
