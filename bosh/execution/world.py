"""What execution acts on: memory, clouds, agents, blobs, and the task it works for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bosh.clients.contract import Agents, Blobstore, Cpi, Cpis
from bosh.director.config import Config
from bosh.director.tasks.contract import Control, TaskContext, TaskLog
from bosh.execution.concurrency import Coalesced
from bosh.manifest.model import Catalog, Desired, Json, Network, StemcellChoice, StemcellImage
from bosh.plan.model import LaidInstance
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import StemcellNotFound

Resolve = Callable[[Json], Json]
"""Puts the values of ``((variables))`` in their places. Its results are secrets: for the cloud and agents, never for logs or memory."""

Respec = Callable[[LaidInstance, Mapping[str, Json]], Awaitable[Mapping[str, Json]]]
"""Instance and its full spec → the full spec with its templates rendered for the networks the instance has now."""


@dataclass(frozen=True)
class World:
    """Everything a step may touch. Steps take it as their first argument."""

    deployment: str
    config: Config
    director_uuid: str
    store: Store
    blobs: Blobstore
    agents: Agents
    cpis: Cpis
    log: TaskLog
    clock: Clock
    ids: Ids
    control: Control
    resolve: Resolve
    catalog: Catalog = field(default_factory=Catalog)
    desired: Desired | None = None
    """None where only what exists is acted upon: deletions, single instances."""
    variable_set: int = 0
    respec: Respec | None = None
    """Renders an instance anew once a dynamic network has given it addresses; None where nothing is rendered."""
    temporary: frozenset[str] = frozenset()
    """Groups whose VMs go when this task ends."""
    bus_users: Coalesced = field(init=False)
    """Tells the bus of agents that come; many VMs made at once share one telling."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bus_users", Coalesced(self.control.sync_bus_users))

    @property
    def networks(self) -> Mapping[str, Network]:
        return self.desired.networks if self.desired else {}

    def image(self, stemcell: StemcellChoice, cpi: str) -> StemcellImage:
        """The stemcell's image on a cloud.

        Raises:
            StemcellNotFound: it was not uploaded to this cloud.
        """
        for image in self.catalog.stemcells:
            if image.cpi == cpi and image.version == stemcell.version and image.name == stemcell.name:
                return image
        for image in self.catalog.stemcells:
            if image.cpi == cpi and image.version == stemcell.version and image.os == stemcell.os:
                return image
        where = f"CPI '{cpi}'" if cpi else "the default CPI"
        raise StemcellNotFound(
            f"Stemcell '{stemcell.name}/{stemcell.version}' was not found on {where}",
            resolution="Upload it again with 'bosh upload-stemcell --fix': it goes to every CPI.",
        )

    def debug(self, text: str) -> None:
        """A line for the task's debug output."""
        self.log.debug(text)

    def cloud(self, cpi: str, *, api_version: int | None = None) -> Cpi:
        """A cloud for VMs of stemcells with this API version."""
        return self.cpis.named(cpi, stemcell_api_version=api_version)


def world_of(context: TaskContext, *, resolve: Resolve = lambda value: value) -> World:
    """The world of a task that acts on its deployment."""
    return World(
        deployment=context.task.deployment,
        config=context.config,
        director_uuid=context.director_uuid,
        store=context.store,
        blobs=context.blobs,
        agents=context.agents,
        cpis=context.cpis,
        log=context.log,
        clock=context.clock,
        ids=context.ids,
        control=context.control,
        resolve=resolve,
    )
