"""Images become directories: unpacked once, shared by every VM as the lower layer of its root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpi_kit.errors import CloudFailed, NotSupported
from cpi_kit.files import new_cid, safe_cid, write_json
from cpi_kit.interfaces import StemcellCid

from container_cpi.machines import remove_tree
from container_cpi.records import Records
from container_cpi.rootfs import inside, pick_init, wants_directory_disks

UNPACK_TIMEOUT_S = 1800.0
"""Stemcells have up to a gigabyte; the slowest disk unpacks that in minutes."""


class Stemcells:
    def __init__(self, records: Records) -> None:
        self._records = records

    def create(self, image: Path, cloud_properties: Mapping[str, Any]) -> StemcellCid:
        """Unpack beside, check, and rename into place: a stemcell is there whole or not at all. Raises CloudFailed, NotSupported."""
        _check_image(image)
        cid = StemcellCid(new_cid("stemcell"))
        draft = self._records.directory / "trash" / cid
        with self._records.lock("draft", cid):
            try:
                self._fill(draft, cid, image, cloud_properties)
                draft.rename(self._records.directory / "stemcells" / cid)
            except BaseException:
                remove_tree(draft)
                raise
        return cid

    def _fill(self, draft: Path, cid: str, image: Path, cloud_properties: Mapping[str, Any]) -> None:
        root = draft / "rootfs"
        root.mkdir(parents=True)
        draft.chmod(0o755)
        root.chmod(0o755)
        _unpack(image, root)
        _check_root(root, image)
        init = cloud_properties.get("init") or list(pick_init(root))
        record = {
            "cid": cid,
            "init": init,
            "directory_disks": wants_directory_disks(root),
            "cloud_properties": dict(cloud_properties),
        }
        write_json(draft / "stemcell.json", record)

    def delete(self, cid: str) -> None:
        """Idempotent. Raises CloudFailed while a VM stands on it."""
        if not safe_cid(cid):
            return
        users = [vm.cid for vm in self._records.vms() if vm.stemcell == cid]
        if users:
            raise CloudFailed(f"cannot delete stemcell {cid}", details=f"used by {', '.join(users)}")
        place, grave = self._records.directory / "stemcells" / cid, self._records.directory / "trash" / cid
        if place.exists():
            place.rename(grave)
        remove_tree(grave)


def _check_image(image: Path) -> None:
    if not image.is_file():
        raise CloudFailed(f"cannot read stemcell image {image}", details="no such file")
    if image.stat().st_size == 0:
        raise NotSupported(
            "cannot use a light stemcell",
            details="its image is empty",
            resolution="Upload a stemcell with a root file system.",
        )


def _unpack(image: Path, root: Path) -> None:
    """GNU tar keeps members below ``root``: it drops leading slashes, refuses ``..`` and makes links only after everything else."""
    command = ["tar", "--extract", "--file", str(image), "--directory", str(root), "--numeric-owner", "--same-owner"]
    options = ["--same-permissions", "--xattrs", "--xattrs-include=*", "--delay-directory-restore"]
    try:
        subprocess.run([*command, *options], check=True, capture_output=True, timeout=UNPACK_TIMEOUT_S, umask=0)
    except subprocess.CalledProcessError as error:
        details = error.stderr.decode(errors="replace")[-2000:]
        raise CloudFailed(
            f"cannot unpack stemcell image {image}",
            details=details,
            resolution="Check that the image is a tar or tar.gz archive.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CloudFailed(
            f"cannot unpack stemcell image {image}", details=f"not done in {UNPACK_TIMEOUT_S} s"
        ) from error


def _check_root(root: Path, image: Path) -> None:
    if not any(os.path.lexists(inside(root, path)) for path in ("/sbin/init", "/usr/sbin/runsvdir-start")):
        raise CloudFailed(
            f"cannot use stemcell image {image}",
            details="it has no /sbin/init",
            resolution="Upload a stemcell for containers: its image is a root file system.",
        )
