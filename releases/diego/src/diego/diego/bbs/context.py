"""What a request may use, and what is to happen once its transaction holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cf_wire.bbs import cells_pb2, desired_lrp_pb2
from cf_wire.presence import TaskCallback
from cf_wire.rep import LRPStartRequest
from cf_wire.rep import Task as RepTask
from google.protobuf.message import Message

from diego.convergence import Update
from diego.lrp_states import InstanceKey, Key, Outcome

from .changes import instance_events
from .messages import start_request
from .store import Transaction


class Peers(Protocol):
    """Everyone the BBS calls. A call that fails is not repeated: convergence finds what was left undone."""

    def cells(self) -> Sequence[cells_pb2.CellPresence]:
        """Return the cells that locket knows."""

    def auction_lrps(self, requests: Sequence[LRPStartRequest], trace: str) -> None:
        """Ask the auctioneer for cells."""

    def auction_tasks(self, tasks: Sequence[RepTask], trace: str) -> None:
        """Ask the auctioneer for cells."""

    def stop(self, key: Key, instance: InstanceKey, trace: str) -> None:
        """Ask a cell to stop an instance."""

    def update(self, key: Key, update: Update, trace: str) -> None:
        """Tell a cell what has changed of an instance."""

    def cancel_task(self, cell_id: str, task_guid: str, trace: str) -> None:
        """Ask a cell to stop a task."""

    def complete_task(self, url: str, callback: TaskCallback) -> None:
        """Tell whoever asked for a task what came of it, and see to it that it is deleted then."""


class Hub(Protocol):
    """Where events go."""

    def emit(self, event: Message) -> None:
        """Tell everyone who listens."""


@dataclass
class Effects:
    """What is to happen once the transaction holds, in this order."""

    lrp_events: list[Message] = field(default_factory=list)
    task_events: list[Message] = field(default_factory=list)
    auctions: list[LRPStartRequest] = field(default_factory=list)
    task_auctions: list[RepTask] = field(default_factory=list)
    stops: list[tuple[Key, InstanceKey]] = field(default_factory=list)
    updates: list[tuple[Key, Update]] = field(default_factory=list)
    cancels: list[tuple[str, str]] = field(default_factory=list)
    callbacks: list[tuple[str, TaskCallback]] = field(default_factory=list)


@dataclass(frozen=True)
class Context:
    """One request's transaction, moment and consequences."""

    tx: Transaction
    now: int
    guid: Callable[[], str]
    peers: Peers
    trace: str = ""
    effects: Effects = field(default_factory=Effects)

    def cell_ids(self) -> frozenset[str]:
        """Return the ids of the cells that are there."""
        return frozenset(one.cell_id for one in self.peers.cells())

    def carry_out(self, key: Key, outcome: Outcome, *, crashed: bool = False) -> None:
        """Write an outcome's rows, and remember what else it asks for."""
        self.tx.write(outcome.changes)
        self.effects.lrp_events += instance_events(outcome.changes, self.trace, crashed=crashed)
        if outcome.stop is not None:
            self.effects.stops.append((key, outcome.stop))
        if outcome.auction:
            self.auction(key.process_guid, [key.index])

    def auction(self, process_guid: str, indices: Sequence[int]) -> None:
        """Remember to ask for cells, unless nobody wants the process any more."""
        if indices and self.tx.wants(process_guid) is not None:
            data = self.tx.desired_part("scheduling", process_guid)
            info = desired_lrp_pb2.DesiredLRPSchedulingInfo.FromString(data)
            self.effects.auctions.append(start_request(info, indices))
