"""What an action is: a name, how it is dispatched, and a coroutine from arguments to a JSON value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bosh.agent.blobs.blobs import Blobs
from bosh.agent.brain import Trait
from bosh.agent.install.compiler import Compiler
from bosh.agent.install.installer import Installer
from bosh.agent.machine.machine import Machine
from bosh.agent.paths import Paths
from bosh.agent.settings import SettingsStore
from bosh.agent.spec import SpecStore
from bosh.agent.supervise.contract import Supervisor
from bosh.agent.transport.contract import Outbox
from bosh.system.clock import Clock
from bosh.wire.errors import BoshError


@dataclass(frozen=True, slots=True)
class Arguments:
    """A request's arguments by position. Surplus ones are ignored (bosh-agent: agent/action/runner.go)."""

    values: tuple[Any, ...]
    protocol: int = 3

    def text(self, position: int) -> str:
        """Raises BoshError when missing or not a text."""
        value = self._at(position)
        if not isinstance(value, str):
            raise _wrong(position, "text", value)
        return value

    def number(self, position: int) -> int:
        """Raises BoshError when missing or not a whole number."""
        value = self._at(position)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(position, "whole number", value)
        return value

    def mapping(self, position: int) -> Mapping[str, Any]:
        """Null counts as empty.

        Raises:
            BoshError: missing or not an object.
        """
        value = self._at(position)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise _wrong(position, "object", value)
        return value

    def texts(self, position: int) -> list[str]:
        """Null counts as empty.

        Raises:
            BoshError: missing or not a list.
        """
        value = self._at(position)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(position, "list", value)
        return [str(item) for item in value]

    def any(self, position: int) -> Any:
        """Raises BoshError when missing."""
        return self._at(position)

    def has(self, position: int) -> bool:
        return position < len(self.values)

    def _at(self, position: int) -> Any:
        if not self.has(position):
            raise BoshError(
                "Extracting method arguments from payload: "
                f"Not enough arguments, expected {position + 1}, got {len(self.values)}"
            )
        return self.values[position]


def _wrong(position: int, wanted: str, value: Any) -> BoshError:
    kind = type(value).__name__
    return BoshError(
        f"Extracting method arguments from payload: argument {position + 1} must be a {wanted}, it is a {kind}"
    )


@dataclass(frozen=True)
class Agent:
    """Everything that actions act upon."""

    paths: Paths
    settings: SettingsStore
    specs: SpecStore
    supervisor: Supervisor
    installer: Installer
    compiler: Compiler
    blobs: Blobs
    machine: Machine
    outbox: Outbox
    clock: Clock
    renew: Callable[[], Awaitable[None]]
    """Take the bus and blobstore of the settings into use. May begin anew as a new process, and then does not return."""
    heartbeat_now: Callable[[], None] = lambda: None
    dns_lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Call:
    """One run of an action."""

    arguments: Arguments
    cancelled: asyncio.Event


PLAIN = Trait()
"""Synchronous."""

Run = Callable[[Agent, Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Action:
    method: str
    run: Run
    trait: Trait = PLAIN
