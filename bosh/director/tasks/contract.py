"""What a task's body gets and gives.

Each task type is one module ``bosh/director/tasks/<type>.py`` with ``async def run(context: TaskContext) -> str``; the string becomes the
task's ``result`` field. A worker process runs one task at a time, in one event loop. A body raises ``BoshError`` to fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bosh.clients.contract import Agents, Blobstore, Cpis
from bosh.director.config import Config
from bosh.state import records
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids


class StepLog(Protocol):
    """One started event line; finished or failed when its context is left."""

    def status(self, text: str) -> None:
        """An ``in_progress`` line, for example ``executing pre-stop``."""
        ...


class TaskLog(Protocol):
    """A task's outputs."""

    def stage(self, name: str, *, total: int = 1, tags: Sequence[str] = ()) -> Stage:
        """Begin a stage such as ``Creating missing vms``."""
        ...

    def notice(self, kind: str, message: str) -> None:
        """A ``warning`` or ``deprecation`` line."""
        ...

    def result(self, row: Any) -> None:
        """One NDJSON row of the ``result`` output."""
        ...

    def debug(self, message: str) -> None:
        """A line of the ``debug`` output. Never a secret."""
        ...

    def cpi(self, text: str) -> None:
        """What a CPI printed on stderr."""
        ...


class Stage(Protocol):
    def step(self, task: str) -> AbstractAsyncContextManager[StepLog]:
        """Writes ``started``, then ``finished``, or ``failed`` with the error when left by an exception."""
        ...


@dataclass(frozen=True)
class TaskContext:
    """The world of one task."""

    task: records.Task
    config: Config
    director_uuid: str
    store: Store
    blobs: Blobstore
    agents: Agents
    cpis: Cpis
    log: TaskLog
    clock: Clock
    ids: Ids
    work_dir: Path
    """An empty directory of this task's own, removed afterwards."""
    control: Control


class Control(Protocol):
    """The task's ties to the director."""

    def checkpoint(self) -> None:
        """Call between steps. Raises TaskCancelled when the operator cancelled or the lock was lost."""
        ...

    def lock(self, name: str, *, timeout_s: float) -> AbstractAsyncContextManager[None]:
        """Hold ``lock:…``, renewed in the background. Raises LockTimeout, whose text names the task that holds it."""
        ...

    def event(
        self,
        action: str,
        object_type: str,
        object_name: str = "",
        *,
        deployment: str = "",
        instance: str = "",
        error: str = "",
        parent_id: int = 0,
        context: dict[str, Any] | None = None,
    ) -> int:
        """Record an event for the events table; its id."""
        ...

    async def sync_bus_users(self) -> None:
        """Tell the bus about VMs added or removed, and return when it knows them."""
        ...
