"""Who owns what: files below the base directory belong to root and group vcap."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from bosh.wire.errors import BoshError


class Ownership(Protocol):
    def root_vcap(self, path: Path) -> None:
        """Give the file to root and its group to vcap.

        Raises:
            BoshError: no such group, or not permitted.
        """
        ...

    def give_to(self, path: Path, user: str) -> None:
        """Owner and group of that user's name."""
        ...


class SystemOwnership:
    def root_vcap(self, path: Path) -> None:
        _chown(path, "root", "vcap")

    def give_to(self, path: Path, user: str) -> None:
        _chown(path, user, None)


def _chown(path: Path, user: str, group: str | None) -> None:
    try:
        if group is None:
            shutil.chown(path, user)
        else:
            shutil.chown(path, user, group)
    except (OSError, LookupError) as error:
        raise BoshError(f"cannot change the owner of {path}", details=str(error)) from error


class NoOwnership:
    """For runs without root, and tests: remembers, changes nothing."""

    def __init__(self) -> None:
        self.given: dict[Path, str] = {}

    def root_vcap(self, path: Path) -> None:
        self.given[path] = "root:vcap"

    def give_to(self, path: Path, user: str) -> None:
        self.given[path] = user
