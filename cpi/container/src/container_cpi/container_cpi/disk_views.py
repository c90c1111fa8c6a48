"""How a VM sees an attached disk: as a device node that its agent formats and mounts, or as a directory that is mounted already."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cpi_kit.errors import CloudFailed

from container_cpi import kernel, loops
from container_cpi.oci import DIRECTORY_DISKS
from container_cpi.records import Vm

DEVICE_DISKS = "/dev/bosh-disk"
NOTHING_FOUND = 2
"""Exit status of blkid on a device without a known signature."""


class DeviceView:
    """A node in the VM's own ``/dev``."""

    def show(self, vm: Vm, disk: str, number: int) -> str:
        """The node's path in the VM. Raises OSError."""
        directory = Path(f"/proc/{vm.process.pid}/root{DEVICE_DISKS}")
        directory.mkdir(exist_ok=True, mode=0o755)
        loops.make_node(directory / disk, number)
        return f"{DEVICE_DISKS}/{disk}"

    def hide(self, vm: Vm, disk: str) -> None:
        Path(f"/proc/{vm.process.pid}/root{DEVICE_DISKS}/{disk}").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """A file system mounted on the machine; mounts below ``directory`` spread into the VM."""

    directory: Path

    def prepare(self) -> None:
        """Before the VM starts: a mount of its own, so that what is mounted below it spreads. Idempotent."""
        self.directory.mkdir(exist_ok=True, mode=0o755)
        if not kernel.is_mounted(self.directory):
            kernel.mount(str(self.directory), self.directory, "none", kernel.MS_BIND)
            kernel.mount("none", self.directory, "none", kernel.MS_PRIVATE)
            kernel.mount("none", self.directory, "none", kernel.MS_SHARED)

    def show(self, vm: Vm, disk: str, number: int) -> str:
        """The directory's path in the VM. Raises OSError, CloudFailed."""
        target = self.directory / disk
        target.mkdir(exist_ok=True, mode=0o755)
        if not kernel.is_mounted(target):
            _format_blank(loops.node(number))
            kernel.mount(str(loops.node(number)), target, "ext4")
        return f"{DIRECTORY_DISKS}/{disk}"

    def hide(self, vm: Vm, disk: str) -> None:
        target = self.directory / disk
        kernel.unmount(target)
        if target.exists():
            target.rmdir()


def _format_blank(device: Path) -> None:
    """Make ext4 where there is nothing; grow it where there is."""
    found = subprocess.run(["blkid", "-p", str(device)], capture_output=True, check=False)
    if found.returncode == NOTHING_FOUND:
        _must(["mkfs.ext4", "-q", "-F", "-m", "1", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(device)])
    else:
        _must(["e2fsck", "-p", "-f", str(device)], fine={0, 1})
        _must(["resize2fs", str(device)])


def _must(command: list[str], fine: frozenset[int] | set[int] = frozenset({0})) -> None:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in fine:
        details = (done.stdout + done.stderr).decode(errors="replace")
        raise CloudFailed(f"cannot prepare {command[-1]}: {command[0]} ended with {done.returncode}", details=details)
