"""Persistent disks: sparse files, shown to a VM as loop devices. The agent partitions and formats them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed, DiskNotAttached, NoDiskSpace, NotSupported
from cpi_kit.files import new_cid, safe_cid, write_json
from cpi_kit.interfaces import DiskCid, SnapshotCid

from container_cpi import loops
from container_cpi.machines import Machines
from container_cpi.records import Disk, Records

MIB = 1024 * 1024
DETACH_TIMEOUT_S = 5.0
"""An agent has unmounted before; what remains is the kernel's write-back."""


class Disks:
    def __init__(self, records: Records, machines: Machines) -> None:
        self._records = records
        self._machines = machines

    def create(self, size_mb: int, cloud_properties: Mapping[str, Any]) -> DiskCid:
        """Raises NoDiskSpace."""
        self._check_space(size_mb * MIB, f"create a disk of {size_mb} MiB")
        cid = new_cid("disk")
        self._records.save_disk(Disk(cid, size_mb, cloud_properties=cloud_properties))
        _set_size(self._records.image(cid), size_mb)
        return DiskCid(cid)

    def _check_space(self, wanted_bytes: int, what: str) -> None:
        """Files are sparse, yet a disk larger than what is free would fail its user later and worse."""
        stats = os.statvfs(self._records.directory)
        free_bytes = stats.f_bavail * stats.f_frsize
        if wanted_bytes > free_bytes:
            raise NoDiskSpace(
                f"cannot {what}",
                details=f"{free_bytes // MIB} MiB are free in {self._records.directory}",
                resolution="Free space, delete orphaned disks, or choose a smaller disk type.",
            )

    def delete(self, cid: str) -> None:
        """Idempotent. Raises CloudFailed while attached."""
        with self._records.lock("disk", cid):
            disk = self._records.disk(cid)
            if disk is None:
                return
            if disk.vm:
                raise CloudFailed(f"cannot delete disk {cid}", details=f"it is attached to {disk.vm}")
            self.destroy(cid)

    def destroy(self, cid: str) -> None:
        """Whatever uses it."""
        loops.detach(self._records.image(cid), timeout_s=DETACH_TIMEOUT_S)
        self._records.image(cid).unlink(missing_ok=True)
        self._records.forget("disks", cid)

    def attach(self, vm_cid: str, cid: str) -> str:
        """The device's path in the VM. Idempotent. Raises VMNotFound, DiskNotFound, CloudFailed."""
        with self._records.lock("vm", vm_cid), self._records.lock("disk", cid):
            vm, disk = self._records.known_vm(vm_cid), self._records.known_disk(cid)
            if disk.vm not in {"", vm_cid}:
                raise CloudFailed(f"cannot attach disk {cid} to {vm_cid}", details=f"it is attached to {disk.vm}")
            if not self._machines.is_running(vm):
                raise CloudFailed(
                    f"cannot attach disk {cid} to {vm_cid}", details="the VM is not running", ok_to_retry=True
                )
            self._records.save_disk(replace(disk, vm=vm_cid))
            return self._machines.show_disk(vm, cid)

    def detach(self, vm_cid: str, cid: str) -> None:
        """Works for a VM that is stopped as well. Raises DiskNotFound, DiskNotAttached, CloudFailed while something uses the disk."""
        with self._records.lock("vm", vm_cid), self._records.lock("disk", cid):
            disk = self._records.known_disk(cid)
            if disk.vm != vm_cid:
                raise DiskNotAttached(f"disk {cid} is not attached to {vm_cid}")
            vm = self._records.vm(vm_cid)
            if vm is not None and self._machines.is_running(vm):
                self._machines.hide_disk(vm, cid)
            if not loops.detach(self._records.image(cid), timeout_s=DETACH_TIMEOUT_S):
                raise CloudFailed(
                    f"cannot detach disk {cid} from {vm_cid}",
                    details="processes of the VM still use it",
                    resolution="Stop what uses the disk and try again.",
                    ok_to_retry=True,
                )
            self._records.save_disk(replace(disk, vm=""))

    def grow(self, cid: str, size_mb: int) -> Disk:
        """Attached or not. Raises DiskNotFound, NotSupported for less, NoDiskSpace."""
        with self._records.lock("disk", cid):
            disk = self._records.known_disk(cid)
            if size_mb < disk.size_mb:
                raise NotSupported(f"cannot shrink disk {cid} from {disk.size_mb} to {size_mb} MiB")
            self._check_space((size_mb - disk.size_mb) * MIB, f"grow disk {cid} to {size_mb} MiB")
            _set_size(self._records.image(cid), size_mb)
            number = loops.loop_of(self._records.image(cid))
            if number is not None:
                loops.grow(number)
            return self._records.save_disk(replace(disk, size_mb=size_mb))

    def change(self, cid: str, **changes: Any) -> None:
        """Raises DiskNotFound."""
        with self._records.lock("disk", cid):
            self._records.save_disk(replace(self._records.known_disk(cid), **changes))

    def snapshot(self, cid: str, metadata: Mapping[str, Any]) -> SnapshotCid:
        """A copy as after a power cut; shares blocks where the file system can. Raises DiskNotFound, NoDiskSpace."""
        with self._records.lock("disk", cid):
            disk = self._records.known_disk(cid)
            snapshot = SnapshotCid(new_cid("snapshot"))
            self._check_space(self._records.image(cid).stat().st_blocks * 512, f"copy disk {cid}")
            record = {"cid": snapshot, "disk": cid, "size_mb": disk.size_mb, "metadata": dict(metadata)}
            write_json(self._records.directory / "snapshots" / f"{snapshot}.json", record)
            _copy(self._records.image(cid), self._records.image(snapshot, "snapshots"))
            return snapshot

    def delete_snapshot(self, cid: str) -> None:
        """Idempotent."""
        if safe_cid(cid):
            self._records.image(cid, "snapshots").unlink(missing_ok=True)
            self._records.forget("snapshots", cid)


def _set_size(image: Path, size_mb: int) -> None:
    descriptor = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size_mb * MIB)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    command = ["cp", "--reflink=auto", "--sparse=always", "--", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        target.unlink(missing_ok=True)
        raise CloudFailed(f"cannot copy {source.name}", details=done.stderr.decode(errors="replace"), ok_to_retry=True)
