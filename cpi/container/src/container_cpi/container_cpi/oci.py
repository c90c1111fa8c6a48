"""The OCI runtime configuration of a system container. Pure; each choice is one that nested containers or systemd need.

``/sys`` is read-only so that systemd leaves udev out: a writable one makes every VM replay every device event of the machine.
``/sys/fs/cgroup`` is writable, in a cgroup namespace, for systemd and for runtimes inside. ``/var/vcap/data`` is a directory of the machine's
own file system because an overlay cannot be the upper layer of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU_PERIOD_US = 100_000
CONTAINER_DEVICES = ("/dev/fuse", "/dev/net/tun", "/dev/kvm")
"""Given to VMs where the machine has them."""
DIRECTORY_DISKS = "/warden-cpi-dev"
"""Where stemcells for warden expect disks as mounted directories (bosh-warden-cpi)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Zero: no limit."""

    memory_mb: int = 0
    cpus: float = 0.0
    pids: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """A device node of the machine."""

    path: str
    major: int
    minor: int
    kind: str = "c"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What differs from VM to VM."""

    hostname: str
    root: Path
    netns: Path
    data: Path
    cgroup: str
    init: Sequence[str]
    limits: Limits
    capabilities: Sequence[str]
    devices: Sequence[Device] = ()
    directory_disks: Path | None = None
    """Where disks are mounted for VMs that want them so."""
    unified_cgroups: bool = False
    """The machine has cgroup v2 alone."""


def runtime_config(bundle: Bundle) -> dict[str, Any]:
    """The content of ``config.json``."""
    capabilities = list(bundle.capabilities)
    return {
        "ociVersion": "1.0.2",
        "hostname": bundle.hostname,
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(bundle.init),
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "container=oci",
                "LANG=C.UTF-8",
            ],
            "cwd": "/",
            "noNewPrivileges": False,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        },
        "root": {"path": str(bundle.root), "readonly": False},
        "mounts": _mounts(bundle),
        "linux": {
            "namespaces": [
                *({"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")),
                {"type": "network", "path": str(bundle.netns)},
            ],
            "rootfsPropagation": "rshared",
            "cgroupsPath": bundle.cgroup,
            "resources": _resources(bundle.limits, unified=bundle.unified_cgroups),
            "devices": [_device(device) for device in bundle.devices],
            "maskedPaths": [],
            "readonlyPaths": [],
        },
    }


def _mount(target: str, kind: str, *options: str, source: str = "") -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source or kind, "options": list(options)}


def _mounts(bundle: Bundle) -> list[dict[str, Any]]:
    return [
        _mount("/proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "rw"),
        _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        _mount("/dev/shm", "tmpfs", "nosuid", "nodev", "mode=1777"),
        _mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        _mount("/run", "tmpfs", "nosuid", "nodev", "mode=755"),
        _bind("/var/vcap/data", bundle.data, "rprivate", "rshared"),
        *([_bind(DIRECTORY_DISKS, bundle.directory_disks, "rslave")] if bundle.directory_disks else []),
    ]


def _bind(target: str, source: Path, *propagation: str) -> dict[str, Any]:
    """With its own propagation: on a machine whose mounts are shared, the VM's mounts below would appear on the machine too."""
    return _mount(target, "bind", "rbind", "rw", *propagation, source=str(source))


def _resources(limits: Limits, *, unified: bool) -> dict[str, Any]:
    resources: dict[str, Any] = {"devices": [{"allow": True, "type": "a", "access": "rwm"}]}
    if limits.memory_mb:
        memory_bytes = limits.memory_mb * 1024 * 1024
        resources["memory"] = {"limit": memory_bytes, **({"swap": memory_bytes} if unified else {})}
    if limits.cpus:
        resources["cpu"] = {"quota": int(limits.cpus * CPU_PERIOD_US), "period": CPU_PERIOD_US}
    if limits.pids:
        resources["pids"] = {"limit": limits.pids}
    return resources


def _device(device: Device) -> dict[str, Any]:
    return {
        "path": device.path,
        "type": device.kind,
        "major": device.major,
        "minor": device.minor,
        "fileMode": 0o666,
        "uid": 0,
        "gid": 0,
    }
