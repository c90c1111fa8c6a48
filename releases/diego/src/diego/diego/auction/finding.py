"""The best cell of one zone for one request, by whichever ranking gets there fastest."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from cf_wire.rep import PlacementConstraint

from .cells import LOCALITY, Cell
from .ranking import Entry, ImpatientError, Ranking, Score

Size = tuple[PlacementConstraint, int, int]
"""What makes two requests alike: constraint, memory and disk in MiB."""

PATIENCE = 16
"""Cells without room to pass over in a ranking of all sizes, before a size gets a ranking of its own."""
SHAPES_MAXIMUM = 4


def best(entries: Iterable[Entry | None]) -> Entry | None:
    """Return the lowest score of all, or None when there is none."""
    return min((entry for entry in entries if entry is not None), default=None, key=lambda entry: entry[:2])


class Finder:
    """One zone's cells that pass one constraint, and the rankings of them made so far.

    On cells of one shape (total resources and proxy memory alike), what a request adds to the score is the same for all, so one ranking
    serves every size. Cells that already have instances of a process are looked at one by one while they are few, else the process gets
    its own ranking.
    """

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self._rankings: dict[object, Ranking] = {}
        self._impatient: set[object] = set()
        self._ids = frozenset(cell.id for cell in cells)
        shapes: dict[object, list[Cell]] = {}
        for cell in cells:
            shapes.setdefault(cell.shape, []).append(cell)
        self._shapes = list(shapes.values())

    def for_task(self, memory: int, disk: int) -> Entry | None:
        """Return the best cell for a task, with its score."""
        return self._of_any_size(
            "task", lambda cell: cell.task_score(memory, disk), lambda cell: cell.task_score(0, 0), memory, disk
        )

    def for_instance(self, process: str, memory: int, disk: int, homes: Mapping[str, Cell]) -> Entry | None:
        """Return the best cell for an instance of `process`, which already has instances on `homes` (by id)."""
        if 2 * len(homes) >= len(self.cells):
            return self._among_many(process, memory, disk)
        fresh = self._of_any_size(
            "lrp", lambda cell: cell.lrp_score(memory, disk), lambda cell: cell.lrp_score(0, 0), memory, disk, homes
        )
        if fresh is not None and fresh[0] < LOCALITY:
            return fresh
        scored = ((cell.lrp_score(memory, disk), cell) for cell in homes.values() if cell.id in self._ids)
        again = (
            (score + LOCALITY * cell.instances[process], cell.order, cell)
            for score, cell in scored
            if score is not None
        )
        return best((fresh, *again))

    def _among_many(self, process: str, memory: int, disk: int) -> Entry | None:
        def score(cell: Cell) -> float | None:
            base = cell.lrp_score(memory, disk)
            return None if base is None else base + LOCALITY * cell.instances[process]

        return self._ranking(("process", process, memory, disk), self.cells, score).best()

    def _of_any_size(
        self, kind: str, score: Score, base: Score, memory: int, disk: int, without: Container[str] = ()
    ) -> Entry | None:
        own = (kind, memory, disk)
        if len(self._shapes) <= SHAPES_MAXIMUM and own not in self._impatient:
            try:
                return best(
                    self._ranking((kind, number), cells, base).best_that_fits(score, without, PATIENCE)
                    for number, cells in enumerate(self._shapes)
                )
            except ImpatientError:
                self._impatient.add(own)
        return self._ranking(own, self.cells, score).best(without)

    def most(self, name: str, left: Callable[[Cell], int]) -> int:
        """Return the most that any cell has left of something; it only falls, so this is a ranking too."""
        top = self._ranking(("most", name), self.cells, lambda cell: -left(cell)).best()
        assert top is not None
        return left(top[2])

    def _ranking(self, key: object, cells: list[Cell], score: Score) -> Ranking:
        found = self._rankings.get(key)
        if found is None:
            found = self._rankings[key] = Ranking(cells, score)
        return found
