"""What a plugin gets and may do. One module per plugin with ``def make(options, world) -> Plugin``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bosh.health.model import Alert, Saying
from bosh.health.resurrection import Rule
from bosh.system.clock import Clock


class Plugin(Protocol):
    async def hear(self, saying: Saying) -> Sequence[Alert]:
        """Act on it; alerts returned are heard by all plugins in turn. Exceptions are logged, never fatal."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What plugins may use."""

    clock: Clock
    director: DirectorApi


class DirectorApi(Protocol):
    """The director, asked off the event loop."""

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """JSON of the reply, None when it has none. Raises DirectorError, Unreachable."""
        ...

    async def resurrection_paused(self) -> bool: ...

    async def resurrection_rules(self) -> Sequence[Rule]: ...


Options = Mapping[str, Any]
