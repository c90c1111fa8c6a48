"""What handlers share: made once in ``main``, passed on, never global."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from uaa.config import Config
from uaa.keys import KeyRing
from uaa.passwords import Hasher
from uaa.store.database import Db
from uaa.system import System

_log = logging.getLogger("uaa")


@dataclass(frozen=True)
class Uaa:
    config: Config
    db: Db
    keys: KeyRing
    hasher: Hasher
    system: System
    count: Callable[[str], None] = lambda _event: None
    """Counts an event for the metrics, by name."""
    stopping: Event = field(default_factory=Event)

    def now_ms(self) -> int:
        return self.system.now_ms()

    def note(self, event: str, **details: Any) -> None:
        """One line for the audit, and one more in the metrics. Never a secret."""
        self.count(event)
        _log.info(event, extra={"details": details})
