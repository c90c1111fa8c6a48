"""Small records on disk that several processes share: written whole or not at all, read and changed under a lock."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file at once: a reader or a crash sees the old content or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The record, or None when there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return content


@contextmanager
def locked(path: Path, *, patient: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file, between threads and processes alike; the file stays.

    Raises:
        BlockingIOError: not ``patient``, and somebody else holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def new_cid(noun: str) -> str:
    """A name nobody else will make: ``vm-`` and 32 hexadecimal digits."""
    return f"{noun}-{os.urandom(16).hex()}"


def safe_cid(cid: str) -> bool:
    """Whether a cid can be a file name here; one that cannot was never made by us."""
    return bool(cid) and not cid.startswith(".") and all(letter.isalnum() or letter in "-_." for letter in cid)
