"""System calls that Python has no name for, and what /proc says of processes."""

from __future__ import annotations

import ctypes
import os
import re
import select
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

MS_BIND, MS_PRIVATE, MS_SHARED = 4096, 1 << 18, 1 << 20
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
CLONE_FS, CLONE_NEWNS, CLONE_NEWNET = 0x200, 0x20000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_T = TypeVar("_T")
_OCTAL = re.compile(rb"\\([0-7]{3})")
"""How mountinfo writes blanks and backslashes."""

CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]
"""By bit, from linux/capability.h."""


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """Raises OSError."""
    result = _libc.mount(
        source.encode(),
        str(target).encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        options.encode() if options else None,
    )
    _check(result, f"mount {kind} on {target}")


def unmount(target: Path, *, lazily: bool = True) -> bool:
    """Take the topmost mount off; False when nothing was mounted there. Raises OSError."""
    if not is_mounted(target):
        return False
    flags = UMOUNT_NOFOLLOW | (MNT_DETACH if lazily else 0)
    _check(_libc.umount2(os.fsencode(target), flags), f"umount {target}")
    return True


def unmount_inside(pid: int, targets: Sequence[bytes]) -> None:
    """Take mounts off, lazily, in the mount namespace of a process. Raises OSError.

    Between entering and the end of the thread nothing may be imported or looked up: the files of this machine are out of sight.
    """
    in_thread(lambda: _unmount_there(pid, targets))


def _unmount_there(pid: int, targets: Sequence[bytes]) -> None:
    unshare(CLONE_FS)
    enter(f"/proc/{pid}/ns/mnt", CLONE_NEWNS)
    results = [_libc.umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) for target in targets]
    _check(min(results, default=0), "umount in the VM")


def mount_points(pid: int, device: str) -> list[bytes]:
    """Where a process sees a device (``major:minor``) mounted, the latest first."""
    lines = Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines()
    found = [fields[4] for fields in (line.split(b" ") for line in lines) if fields[2] == device.encode()]
    return [_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), point) for point in reversed(found)]


def is_mounted(target: Path) -> bool:
    """Whether something is mounted exactly here, as this process sees it."""
    wanted = str(target)
    return any(line.split(" ")[4] == wanted for line in Path("/proc/self/mountinfo").read_text().splitlines())


def in_thread(work: Callable[[], _T]) -> _T:
    """Run in a thread of its own, for namespaces that must end with it; the result, or the exception, comes back."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:  # noqa: BLE001 - carried to the caller
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def unshare(flags: int) -> None:
    """Only in a thread of its own. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def enter(namespace: str, flag: int) -> None:
    """Only in a thread of its own. Raises OSError."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(descriptor, flag), f"setns {namespace}")
    finally:
        os.close(descriptor)


def boot_id() -> str:
    """Changes with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_ticks(pid: int) -> int:
    """When a living process began, in clock ticks since boot; 0 when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])


def kill_and_wait(pid: int, ticks: int, *, timeout_s: float) -> bool:
    """End a process, known by pid and start; True once it is gone."""
    if not ticks or started_ticks(pid) != ticks:
        return True
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(timeout_s * 1000))
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def bounding_capabilities() -> list[str]:
    """Names of what this process could ever be allowed."""
    status = Path("/proc/self/status").read_text()
    bits = int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)
    return [f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1]


def cgroup_mounts() -> list[tuple[str, Path]]:
    """Each hierarchy: its type (``cgroup`` or ``cgroup2``) and where it is mounted."""
    mounts = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split(" ")[0]
        if kind in {"cgroup", "cgroup2"}:
            mounts.append((kind, Path(left.split(" ")[4])))
    return mounts


def unified_cgroups() -> bool:
    """Whether the machine has cgroup v2 alone."""
    return all(kind == "cgroup2" for kind, _ in cgroup_mounts())


def processes_in(relative: str) -> list[int]:
    """Processes of a group and of what is nested in it, in any hierarchy."""
    found: set[int] = set()
    for _, hierarchy in cgroup_mounts():
        for directory, _, _ in os.walk(hierarchy / relative):
            found.update(_members(Path(directory)))
    return sorted(found)


def _members(group: Path) -> list[int]:
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        # Gone, or a threaded group of version 2, whose processes are its parent's.
        return []


def remove_cgroups(relative: str) -> None:
    """Remove a group and what is nested in it from every hierarchy; groups that still hold processes stay."""
    for _, hierarchy in cgroup_mounts():
        top = hierarchy / relative
        if top.is_dir():
            for directory, _, _ in os.walk(top, topdown=False):
                _rmdir(Path(directory))


def _rmdir(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        # Busy or gone; whoever counts leftovers sees the busy ones.
        return
