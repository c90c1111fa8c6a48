"""The smallest root file system that is a VM: a static busybox and an init that waits. For tests of clouds that run containers."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

_INIT = b"""#!/bin/sh
trap 'exit 0' TERM
echo "tiny VM is up"
while :; do sleep 1; done
"""
_DIRECTORIES = ("bin", "sbin", "etc", "proc", "sys", "dev", "run", "tmp", "root", "var", "var/vcap", "var/vcap/bosh")
_APPLETS = "sh sleep cat ls mount umount ip ping nc wget mkdir rm echo test stat hostname blockdev mkfs.ext2 dd sync ps kill id mountpoint httpd"


def why_no_containers() -> str:
    """Why container VMs cannot be made on this machine; empty when they can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in ("runc", "nft") if shutil.which(tool) is None]
    missing += [] if _static_busybox() else ["a static busybox"]
    return f"needs {', '.join(missing)}" if missing else ""


def _static_busybox() -> Path | None:
    """A program that needs no libraries names no dynamic linker."""
    found = shutil.which("busybox")
    return Path(found) if found and b"/ld-linux" not in Path(found).read_bytes() else None


def tiny_image(target: Path) -> Path:
    """Write a tar.gz image. Raises FileNotFoundError when there is no static busybox on this machine."""
    busybox = _static_busybox()
    if busybox is None:
        raise FileNotFoundError("a static busybox (Debian package busybox-static)")
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for name in _DIRECTORIES:
            _add(archive, name, kind=tarfile.DIRTYPE, mode=0o755)
        _add(archive, "bin/busybox", busybox.read_bytes(), mode=0o755)
        for applet in _APPLETS.split():
            _add(archive, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox")
        _add(archive, "sbin/init", _INIT, mode=0o755)
        _add(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        _add(archive, "etc/owned", b"by a user\n", mode=0o640, owner=1234)
    return target


def _add(
    archive: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    link: str = "",
    owner: int = 0,
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size = kind, mode, link, len(content)
    member.uid = member.gid = owner
    archive.addfile(member, io.BytesIO(content))
