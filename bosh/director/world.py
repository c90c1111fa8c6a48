"""The outside as a worker sees it: blobs, agents and clouds, built in one place, so that tests may build another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bosh.clients.contract import Agents, Blobstore, Cpis
from bosh.director import places
from bosh.director.config import Config
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids


class Log(Protocol):
    """Where clients tell of their calls; a task's log is one."""

    def debug(self, message: str) -> None: ...

    def cpi(self, text: str) -> None: ...


class World(Protocol):
    """What lives as long as the worker."""

    blobs: Blobstore

    def agents(self, log: Log) -> Agents:
        """For one task, whose log hears of requests."""
        ...

    async def cpis(self, log: Log) -> Cpis:
        """For one task: the clouds of the newest CPI config."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Circumstances:
    """What a world is built from."""

    config: Config
    director_uuid: str
    store: Store
    clock: Clock
    ids: Ids


MakeWorld = Callable[[Circumstances], World]


def cpi_config(store: Store) -> dict[str, Any]:
    """The newest CPI configs of all names, as one: ``{"cpis": […]}``."""
    import yaml

    newest: dict[str, Any] = {}
    for config in store.configs.list(type="cpi"):
        newest[config.name] = config
    entries: list[Any] = []
    for config in newest.values():
        if not config.deleted:
            entries += (yaml.safe_load(config.content) or {}).get("cpis") or []
    return {"cpis": entries}


class RealWorld:
    """The clients of ``bosh.clients``, each made on first use."""

    def __init__(self, here: Circumstances) -> None:
        from bosh.clients.blobstore import LocalBlobstore
        from bosh.clients.cpi_journal import Journal

        self._here = here
        self._journal = Journal(places.places(here.config).calls)
        self._agents: Any = None
        self._cpis: Any = None
        self._cpi_config = ""
        config = here.config
        self.blobs: Blobstore = LocalBlobstore(
            places.blobs(config), config=config.blobstore, ca=config.tls.ca, ids=here.ids, clock=here.clock
        )

    def agents(self, log: Log) -> Agents:
        if self._agents is None:
            from bosh.clients.agents import BusAgents

            here = self._here
            self._agents = BusAgents(here.config.nats, director_uuid=here.director_uuid, ids=here.ids, clock=here.clock)
        self._agents.log = log.debug
        agents: Agents = self._agents
        return agents

    async def cpis(self, log: Log) -> Cpis:
        from bosh.clients.cpi import CpiPool, definitions_from

        content = cpi_config(self._here.store)
        text = json.dumps(content, sort_keys=True)
        # Long-lived CPI programs are kept from task to task as long as the config is the same.
        if self._cpis is None or text != self._cpi_config:
            if self._cpis is not None:
                await self._cpis.close()
            self._cpis = CpiPool(
                self._here.config.cpi,
                definitions_from(content),
                director_uuid=self._here.director_uuid,
                log=log,
                journal=self._journal,
            )
            self._cpi_config = text
        self._cpis.log = log
        self._journal.task_ended()
        cpis: Cpis = self._cpis
        return cpis

    async def close(self) -> None:
        if self._agents is not None:
            await self._agents.close()
        if self._cpis is not None:
            await self._cpis.close()
        self._journal.task_ended()
