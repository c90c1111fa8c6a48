"""Requests that gather while an auction goes on; the next auction takes them all. Source: auction auctionrunner/batch.go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cf_wire.rep import LRP, LRPKey, LRPStartRequest, Task

from .model import LRPAuction, TaskAuction


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits, the oldest first; a second request for the same thing changes nothing."""

    lrps: tuple[LRPAuction, ...] = ()
    tasks: tuple[TaskAuction, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lrps or self.tasks)

    def with_lrps(self, requests: Iterable[LRPStartRequest], now: int) -> Queue:
        """Return the queue with each index of each request added at `now` (nanoseconds since 1970)."""
        waiting = {one.identifier: one for one in self.lrps}
        for request in requests:
            for index in request.indices:
                key = LRPKey(request.process_guid, index, request.domain)
                one = LRPAuction(LRP(key, request.placement, request.resource), now)
                waiting.setdefault(one.identifier, one)
        return Queue(tuple(waiting.values()), self.tasks)

    def with_tasks(self, tasks: Iterable[Task], now: int) -> Queue:
        """Return the queue with tasks added at `now` (nanoseconds since 1970)."""
        waiting = {one.identifier: one for one in self.tasks}
        for task in tasks:
            waiting.setdefault(task.task_guid, TaskAuction(task, now))
        return Queue(self.lrps, tuple(waiting.values()))
