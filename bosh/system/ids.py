"""Identifiers and secrets' raw material, passed in; a seeded source beside the real one."""

from __future__ import annotations

import random
import secrets
import uuid
from typing import Protocol


class Ids(Protocol):
    """A source of new names."""

    def uuid(self) -> str:
        """A fresh lower-case UUID text."""
        ...


class SystemIds:
    """Random UUIDs from the operating system."""

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


class SeededIds:
    """The same sequence for the same seed: tests and golden plans."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
