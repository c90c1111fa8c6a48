"""The best cell without looking at every cell.

Within one auction the score of a cell only grows: nothing leaves a cell, things are only placed. So a heap may hold old scores: the top
is scored anew, and if its score has grown, it sinks; if not, it is the best of all. A cell that something no longer fits on is dropped for
good, for the same reason.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterable

from .cells import Cell

Entry = tuple[float, int, Cell]
"""Score, order among equals, cell."""

Score = Callable[[Cell], float | None]
"""What a cell scores, or None when it will not do, now and for the rest of the auction."""


class ImpatientError(Exception):
    """Too many cells had to be passed over."""


class Ranking:
    """Cells ordered by one score."""

    __slots__ = ("_heap", "_score")

    def __init__(self, cells: Iterable[Cell], score: Score) -> None:
        self._score = score
        self._heap: list[Entry] = [(now, cell.order, cell) for cell in cells if (now := score(cell)) is not None]
        heapq.heapify(self._heap)

    def best(self, without: Container[str] = ()) -> Entry | None:
        """Return the best cell whose id is not in `without`, or None when none will do."""
        return self._walk(lambda cell: cell.id not in without)

    def best_that_fits(self, score: Score, without: Container[str], patience: int) -> Entry | None:
        """Return the best cell by `score`, which must put cells in the same order as the ranking's own.

        Raises:
            ImpatientError: more than `patience` cells at the top score None.
        """
        unfit = 0

        def wanted(cell: Cell) -> bool:
            nonlocal unfit
            if cell.id in without:
                return False
            if score(cell) is not None:
                return True
            unfit += 1
            if unfit > patience:
                raise ImpatientError
            return False

        found = self._walk(wanted)
        if found is None:
            return None
        exact = score(found[2])
        assert exact is not None
        return exact, found[1], found[2]

    def _walk(self, wanted: Callable[[Cell], bool]) -> Entry | None:
        heap = self._heap
        passed_over: list[Entry] = []
        try:
            while heap:
                held, order, cell = heap[0]
                now = self._score(cell)
                if now is None:
                    heapq.heappop(heap)
                elif now > held:
                    heapq.heapreplace(heap, (now, order, cell))
                elif wanted(cell):
                    return heap[0]
                else:
                    passed_over.append(heapq.heappop(heap))
            return None
        finally:
            for entry in passed_over:
                heapq.heappush(heap, entry)
