"""Settings on a small attached disk (bosh-agent: infrastructure/config_drive_settings_source.go, cdrom_settings_source.go)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bosh.agent.machine.commands import Commands
from bosh.agent.sources.file import parse_object
from bosh.wire.errors import BoshError


class ConfigDriveSource:
    """``DiskPaths`` are tried in turn; ``SettingsPath`` is a path on the disk."""

    def __init__(self, option: Mapping[str, Any], commands: Commands) -> None:
        self._disks: Sequence[str] = option.get("DiskPaths") or (
            "/dev/disk/by-label/CONFIG-2",
            "/dev/disk/by-label/config-2",
        )
        self._file = str(option.get("SettingsPath") or "ec2/latest/user-data")
        self._commands = commands

    async def read(self) -> Mapping[str, Any]:
        """Raises BoshError when no disk has the file."""
        faults = []
        for disk in self._disks:
            try:
                return await read_from_disk(disk, self._file, self._commands)
            except BoshError as error:
                faults.append(str(error))
        raise BoshError("cannot read settings from a config drive", details="\n".join(faults))


class CdromSource:
    """``FileName`` on the CD drive, for example ``ENV``."""

    def __init__(self, option: Mapping[str, Any], commands: Commands) -> None:
        self._file = str(option.get("FileName") or "ENV")
        self._commands = commands

    async def read(self) -> Mapping[str, Any]:
        """Raises BoshError when there is no medium or no such file."""
        return await read_from_disk("/dev/sr0", self._file, self._commands)


async def read_from_disk(device: str, file: str, commands: Commands) -> Mapping[str, Any]:
    """Mount the device read-only for as long as reading takes.

    Raises:
        BoshError: the device cannot be mounted or the file not be read.
    """
    if not _exists(device):
        raise BoshError(f"cannot read settings from {device}", details="no such device")
    with tempfile.TemporaryDirectory(prefix="config-drive-") as mount_point:
        await commands.check(["mount", "-o", "ro", device, mount_point])
        try:
            content = (Path(mount_point) / file.lstrip("/")).read_bytes()
        except OSError as error:
            raise BoshError(f"cannot read settings from {device}", details=str(error)) from error
        finally:
            await commands.check(["umount", mount_point])
    return parse_object(content, f"{device}:{file}")


def _exists(device: str) -> bool:
    return Path(device).exists()
