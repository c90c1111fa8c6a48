"""What is mounted where, and changing it (bosh-agent: platform/disk/linux_mounter.go)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bosh.agent.machine.commands import Commands
from bosh.system.clock import Clock
from bosh.wire.errors import BoshError

UNMOUNT_TRIES = 60
"""Each a second apart: a process that was told to stop may hold the disk a little longer."""


@dataclass(frozen=True, slots=True)
class Mount:
    """``device`` is the node as given to mount; ``number`` its major:minor, which says what it is whatever it is called."""

    device: str
    point: Path
    file_system: str = ""
    number: str = ""


class Mounts(Protocol):
    """Everything raises BoshError when the kernel refuses."""

    def all(self) -> Sequence[Mount]: ...

    def points_of(self, device: Path) -> list[Path]:
        """Where the device is mounted."""
        ...

    async def mount(self, device: Path, point: Path, options: Sequence[str] = ()) -> None: ...

    async def tmpfs(self, point: Path, size: str) -> None: ...

    async def bind(self, source: Path, point: Path, options: Sequence[str] = ()) -> None: ...

    async def remount_read_only(self, point: Path) -> None: ...

    async def unmount(self, point: Path) -> None: ...


def at(mounts: Mounts, point: Path) -> Mount | None:
    """The topmost mount on exactly this directory."""
    found = [mount for mount in mounts.all() if mount.point == point]
    return found[-1] if found else None


def parse_mountinfo(text: str) -> list[Mount]:
    """``/proc/self/mountinfo`` (man 5 proc): the fields before `` - `` vary in number."""
    mounts = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, described = left.split(), right.split()
        if len(fields) < 5 or len(described) < 2:
            continue
        mounts.append(Mount(_unescaped(described[1]), Path(_unescaped(fields[4])), described[0], fields[2]))
    return mounts


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


class SystemMounts:
    def __init__(self, commands: Commands, clock: Clock, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
        self._commands = commands
        self._clock = clock
        self._mountinfo = mountinfo

    def all(self) -> Sequence[Mount]:
        return parse_mountinfo(self._mountinfo.read_text())

    def points_of(self, device: Path) -> list[Path]:
        number = _number(device)
        return [m.point for m in self.all() if (m.number == number if number else m.device == str(device))]

    async def mount(self, device: Path, point: Path, options: Sequence[str] = ()) -> None:
        chosen = ["-o", ",".join(options)] if options else []
        await self._commands.check(["mount", *chosen, str(device), str(point)])

    async def tmpfs(self, point: Path, size: str) -> None:
        await self._commands.check(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)])

    async def bind(self, source: Path, point: Path, options: Sequence[str] = ()) -> None:
        await self._commands.check(["mount", "--bind", str(source), str(point)])
        if options:
            await self._commands.check(["mount", "-o", ",".join(["remount", "bind", *options]), str(point)])

    async def remount_read_only(self, point: Path) -> None:
        await self._commands.check(["mount", "-o", "remount,ro", str(point)])

    async def unmount(self, point: Path) -> None:
        for number in range(1, UNMOUNT_TRIES + 1):
            try:
                await self._commands.check(["umount", str(point)])
            except BoshError:
                if number == UNMOUNT_TRIES:
                    raise
                await self._clock.sleep_s(1)
            else:
                return


def _number(device: Path) -> str:
    """``major:minor`` of a block device, empty for anything else."""
    try:
        node = device.stat()
    except OSError:
        return ""
    return f"{os.major(node.st_rdev)}:{os.minor(node.st_rdev)}" if node.st_rdev else ""


class FakeMounts:
    """Mounts in memory. ``read_only`` remembers what was remounted."""

    def __init__(self) -> None:
        self.mounted: list[Mount] = []
        self.read_only: list[Path] = []

    def all(self) -> Sequence[Mount]:
        return list(self.mounted)

    def points_of(self, device: Path) -> list[Path]:
        return [mount.point for mount in self.mounted if mount.device == str(device)]

    async def mount(self, device: Path, point: Path, options: Sequence[str] = ()) -> None:
        del options
        self.mounted.append(Mount(str(device), point, "ext4"))

    async def tmpfs(self, point: Path, size: str) -> None:
        del size
        self.mounted.append(Mount("tmpfs", point, "tmpfs"))

    async def bind(self, source: Path, point: Path, options: Sequence[str] = ()) -> None:
        del options
        self.mounted.append(Mount(str(source), point, "none"))

    async def remount_read_only(self, point: Path) -> None:
        self.read_only.append(point)

    async def unmount(self, point: Path) -> None:
        mount = at(self, point)
        if mount is None:
            raise BoshError(f"umount: {point}: not mounted")
        self.mounted.remove(mount)
