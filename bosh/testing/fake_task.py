"""A task without a director: its log and its control, remembering what they were told; and a whole ``World`` to execute plans in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bosh.clients.blobstore import LocalBlobstore
from bosh.clients.contract import Cpi
from bosh.execution.world import Resolve, World
from bosh.manifest.model import Catalog, Desired
from bosh.state.contract import Store
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.testing.director import configuration
from bosh.testing.fake_agents import FakeAgents
from bosh.testing.fake_cloud import InProcessFakeCpi
from bosh.testing.memory import memory_store
from bosh.wire.errors import BoshError, CpiNotFound


class FakeStep:
    def __init__(self, log: FakeTaskLog) -> None:
        self._log = log

    def status(self, text: str) -> None:
        self._log.statuses.append(text)


class FakeStage:
    def __init__(self, log: FakeTaskLog, name: str) -> None:
        self._log = log
        self._name = name

    def step(self, task: str) -> AbstractAsyncContextManager[FakeStep]:
        return self._step(task)

    @asynccontextmanager
    async def _step(self, task: str) -> AsyncIterator[FakeStep]:
        yield FakeStep(self._log)
        self._log.finished.append(f"{self._name}: {task}")


@dataclass
class FakeTaskLog:
    """Keeps the ``TaskLog`` contract in lists."""

    finished: list[str] = field(default_factory=list)
    """``stage: task`` of each step that ended well."""
    statuses: list[str] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    def stage(self, name: str, *, total: int = 1, tags: Sequence[str] = ()) -> FakeStage:
        return FakeStage(self, name)

    def notice(self, kind: str, message: str) -> None:
        self.notices.append((kind, message))

    def result(self, row: Any) -> None:
        self.rows.append(row)

    def debug(self, message: str) -> None:
        self.lines.append(message)

    def cpi(self, text: str) -> None:
        self.stderr.append(text)


@dataclass
class FakeControl:
    """Keeps the ``Control`` contract. Set ``stop`` to make the next checkpoint raise it."""

    stop: BoshError | None = None
    locks: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    bus_syncs: int = 0

    def checkpoint(self) -> None:
        if self.stop is not None:
            raise self.stop

    def lock(self, name: str, *, timeout_s: float) -> AbstractAsyncContextManager[None]:
        return self._lock(name)

    @asynccontextmanager
    async def _lock(self, name: str) -> AsyncIterator[None]:
        self.locks.append(name)
        yield

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
        self.events.append(
            {
                "action": action,
                "object_type": object_type,
                "object_name": object_name,
                "instance": instance,
                "error": error,
                "parent_id": parent_id,
                "context": context or {},
            }
        )
        return len(self.events)

    async def sync_bus_users(self) -> None:
        self.bus_syncs += 1


class FakeCpis:
    """Clouds by name."""

    def __init__(self, clouds: Mapping[str, Cpi]) -> None:
        self._clouds = clouds
        self.api_versions: list[int | None] = []

    def named(self, name: str, *, stemcell_api_version: int | None = None) -> Cpi:
        self.api_versions.append(stemcell_api_version)
        if name not in self._clouds:
            raise CpiNotFound(f"CPI '{name}' not found in cpi-config")
        return self._clouds[name]

    def names(self) -> Sequence[str]:
        return sorted(self._clouds)


@dataclass
class FakeWorld:
    """A ``World`` over fakes, and the fakes themselves."""

    world: World
    store: Store
    cloud: InProcessFakeCpi
    agents: FakeAgents
    log: FakeTaskLog
    control: FakeControl
    clock: FakeClock

    def methods(self, *, but: Sequence[str] = ("ping",)) -> list[str]:
        """What agents were asked for, in order."""
        return [method for _agent, method, _arguments in self.agents.calls if method not in but]


def fake_world(
    folder: Path,
    *,
    deployment: str = "dep",
    catalog: Catalog | None = None,
    desired: Desired | None = None,
    resolve: Resolve = lambda value: value,
    **config: Any,
) -> FakeWorld:
    """A world in a folder: memory store, in-process cloud whose VMs have fake agents, a clock that jumps.

    Args:
        config: keys of the director's configuration.
    """
    clock, ids = FakeClock(), SeededIds()
    agents = FakeAgents(clock=clock, ids=ids)
    cloud = InProcessFakeCpi(
        folder / "cloud",
        on_vm_created=lambda _cid, settings: _boot(agents, settings),
        on_vm_deleted=lambda _cid, settings: agents.kill(settings["agent_id"]),
    )
    settings = configuration(folder / "state", **config)
    log, control, store = FakeTaskLog(), FakeControl(), memory_store()
    world = World(
        deployment=deployment,
        config=settings,
        director_uuid="director",
        store=store,
        blobs=LocalBlobstore(folder / "blobs", config=settings.blobstore, ca="CA", ids=ids, clock=clock),
        agents=agents,
        cpis=FakeCpis({"": cloud}),
        log=log,
        clock=clock,
        ids=ids,
        control=control,
        resolve=resolve,
        catalog=catalog or Catalog(),
        desired=desired,
    )
    return FakeWorld(world, store, cloud, agents, log, control, clock)


def _boot(agents: FakeAgents, settings: Mapping[str, Any]) -> None:
    agents.boot(settings)
