"""Loop devices by ioctl: a file becomes a block device (linux/loop.h)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import time
from contextlib import suppress
from pathlib import Path

_LOOP_CLR_FD, _LOOP_SET_CAPACITY, _LOOP_CONFIGURE, _LOOP_CTL_GET_FREE = 0x4C01, 0x4C07, 0x4C0A, 0x4C82
_LOOP_MAJOR = 7
_CONTROL, _CONTROL_DEVICE = Path("/dev/loop-control"), os.makedev(10, 237)
"""The device's number is fixed (linux/miscdevice.h)."""
_NAME_LENGTH = 64
_FREE_TRIES = 32
"""Between asking for a free device and taking it, another process may take it."""


def loop_of(image: Path) -> int | None:
    """The number of the loop device over a file; None when there is none."""
    wanted = str(image)
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            name = backing.read_text().rstrip("\n")
        except (FileNotFoundError, OSError):
            continue
        if name.removesuffix(" (deleted)") == wanted:
            return int(backing.parent.parent.name.removeprefix("loop"))
    return None


def below(directory: Path) -> list[tuple[int, Path]]:
    """Loop devices over files in a directory, deleted files included: number and file.

    The kernel shows all of them to everybody: a file of that name that is not here is one of a container's, which sees other files.
    """
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            name = backing.read_text().rstrip("\n")
        except OSError:
            continue
        deleted = name.endswith(" (deleted)")
        name = name.removesuffix(" (deleted)")
        if name.startswith(f"{directory}/") and (deleted or Path(name).exists()):
            found.append((int(backing.parent.parent.name.removeprefix("loop")), Path(name)))
    return found


def attach(image: Path) -> int:
    """A loop device over the file, the present one if there is one. Raises OSError."""
    present = loop_of(image)
    if present is not None:
        return present
    descriptor = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_FREE_TRIES):
            number = _free_number()
            if _configure(number, descriptor, image):
                return number
    finally:
        os.close(descriptor)
    raise OSError(errno.EBUSY, f"no loop device is free for {image}")


def _free_number() -> int:
    if not _CONTROL.exists():
        # In a container that may use devices, but was not given this one.
        with suppress(FileExistsError):
            os.mknod(_CONTROL, stat.S_IFCHR | 0o660, _CONTROL_DEVICE)
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
    finally:
        os.close(control)


def _configure(number: int, descriptor: int, image: Path) -> bool:
    """One atomic step: struct loop_config {fd, block_size, loop_info64, reserved[8]}."""
    name = os.fsencode(image)[: _NAME_LENGTH - 1]
    info = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, 0, name, b"", b"", 0, 0)
    device = os.open(node(number), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _LOOP_CONFIGURE, struct.pack("=2I", descriptor, 0) + info + bytes(64))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    finally:
        os.close(device)
    return True


def node(number: int) -> Path:
    """The device's path on this machine, made if nothing else made it."""
    path = Path(f"/dev/loop{number}")
    if not path.exists():
        make_node(path, number)
    return path


def make_node(path: Path, number: int) -> None:
    """A block device node for a loop device; an older node of that name goes. Raises OSError."""
    path.unlink(missing_ok=True)
    os.mknod(path, stat.S_IFBLK | 0o660, os.makedev(_LOOP_MAJOR, number))


def device_number(number: int) -> str:
    """As mountinfo writes it."""
    return f"{_LOOP_MAJOR}:{number}"


def grow(number: int) -> None:
    """Take note of the file's new size. Raises OSError."""
    device = os.open(node(number), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _LOOP_SET_CAPACITY)
    finally:
        os.close(device)


def detach(image: Path, *, timeout_s: float) -> bool:
    """Release the file. False when something still used the device at the end; the kernel then releases it with its last user."""
    deadline_s = time.monotonic() + timeout_s
    while (number := loop_of(image)) is not None:
        _clear(number)
        if loop_of(image) is None:
            return True
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def _clear(number: int) -> None:
    device = os.open(node(number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _LOOP_CLR_FD)
    except OSError as error:
        if error.errno not in {errno.ENXIO, errno.EBUSY}:
            raise
    finally:
        os.close(device)
