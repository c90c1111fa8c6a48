"""The only place that asks what time it is and rolls dice; both are passed on as values so that tests can choose."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class System:
    """``now_ms`` is milliseconds since 1970; ``draw`` gives that many letters and digits nobody can guess."""

    now_ms: Callable[[], int]
    draw: Callable[[int], str]
    new_id: Callable[[], str]
    """A UUID."""

    def token_id(self) -> str:
        """32 hexadecimal digits: the ``jti`` of a token."""
        return self.new_id().replace("-", "")


def real() -> System:
    return System(
        now_ms=lambda: time.time_ns() // 1_000_000,
        draw=lambda length: "".join(secrets.choice(_LETTERS) for _ in range(length)),
        new_id=lambda: str(uuid.uuid4()),
    )
