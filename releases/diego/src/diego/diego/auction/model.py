"""What an auction takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cf_wire.rep import LRP, Task, Work


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator may set.

    Attributes:
        starting_weight: what each container that is now starting on a cell adds to the cell's score.
        starting_maximum: containers that may be starting at once over all cells; 0 for no limit.
        bin_pack_weight: what the cell's place among its zone adds to its score; 0 spreads, more packs the first cells first.
    """

    starting_weight: float = 0.25
    starting_maximum: int = 0
    bin_pack_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class LRPAuction:
    """One instance that wants a cell; times are nanoseconds since 1970."""

    lrp: LRP
    queued_at: int = 0
    attempts: int = 0

    @property
    def identifier(self) -> tuple[str, int]:
        """What makes two requests the same."""
        return self.lrp.key.process_guid, self.lrp.key.index


@dataclass(frozen=True, slots=True)
class TaskAuction:
    """One task that wants a cell; times are nanoseconds since 1970."""

    task: Task
    queued_at: int = 0
    attempts: int = 0

    @property
    def identifier(self) -> str:
        """What makes two requests the same."""
        return self.task.task_guid


Auction = LRPAuction | TaskAuction


@dataclass(frozen=True, slots=True)
class Placed:
    """A request and its cell; `waited` in nanoseconds."""

    auction: Auction
    cell_id: str
    waited: int


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A request for which no cell was found, or whose cell refused it (then without a reason, as in the original)."""

    auction: Auction
    reason: str


@dataclass(frozen=True, slots=True)
class Results:
    """The outcome for every request of a batch, in the order of placing."""

    placed: tuple[Placed, ...]
    unplaced: tuple[Unplaced, ...]


def works(results: Results) -> dict[str, Work]:
    """Return what to ask of each cell that won something."""
    lrps: dict[str, list[LRP]] = {}
    tasks: dict[str, list[Task]] = {}
    for one in results.placed:
        if isinstance(one.auction, LRPAuction):
            lrps.setdefault(one.cell_id, []).append(one.auction.lrp)
        else:
            tasks.setdefault(one.cell_id, []).append(one.auction.task)
    cells = sorted({*lrps, *tasks})
    return {cell: Work(tuple(lrps.get(cell, ())), tuple(tasks.get(cell, ())), cell) for cell in cells}


def settle(results: Results, refused: Mapping[str, Work]) -> Results:
    """Return the results once cells (by id) have said what they refuse of their work.

    A cell that did not answer at all counts as having taken it: it may have, and convergence finds out.
    """
    lost = {(cell, *identity) for cell, work in refused.items() for identity in _identities(work)}
    kept, back = [], []
    for one in results.placed:
        if (one.cell_id, type(one.auction), one.auction.identifier) in lost:
            back.append(Unplaced(one.auction, ""))
        else:
            kept.append(one)
    return Results(tuple(kept), (*results.unplaced, *back))


def _identities(work: Work) -> Iterable[tuple[type[Auction], object]]:
    for lrp in work.lrps:
        yield LRPAuction, (lrp.key.process_guid, lrp.key.index)
    for task in work.tasks:
        yield TaskAuction, task.task_guid


def tried(auction: Auction) -> Auction:
    """Return the request with one more attempt counted."""
    return replace(auction, attempts=auction.attempts + 1)
