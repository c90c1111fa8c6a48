"""One ``bosh up`` or ``bosh down`` at a time per environment."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Have the environment's folder, made when missing, to oneself; the kernel gives it back however the process ends."""
    descriptor = _locked(root, say)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(root: Path, say: Callable[[str], None]) -> int:
    while True:
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor, root, say)
            # While we waited the other one may have removed the folder, and a third made a new one.
            if root.exists() and os.path.samestat(os.fstat(descriptor), root.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, root: Path, say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"Waiting for another 'bosh up' or 'bosh down' of {root} to end")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
