"""Which cell runs what? Cells' states and requests in, placements and reasons out; pure."""

from __future__ import annotations

from .batch import auction
from .model import LRPAuction, Placed, Results, Rules, TaskAuction, Unplaced, settle, works
from .queue import Queue

__all__ = [
    "LRPAuction",
    "Placed",
    "Queue",
    "Results",
    "Rules",
    "TaskAuction",
    "Unplaced",
    "auction",
    "settle",
    "works",
]
