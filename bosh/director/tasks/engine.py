"""The life of a task as the store sees it: queued, cancelled, found dead, forgotten (bosh: job_queue.rb, api/task_manager.rb, task_remover.rb)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.director.places import Places
from bosh.state import records
from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.wire import task_output
from bosh.wire.errors import TaskNotFound, TaskUnexpectedState

NORMAL, URGENT = "normal", "urgent"
ACTIVE = ("processing", "cancelling")
CANCELLABLE = ("queued", "processing")
FINISHED = ("done", "error", "cancelled", "timeout")

# A worker says every 10 s that its task goes on; a task silent for so long is shown as timed out (the original: six intervals of 30 s).
CHECKPOINT_S = 10.0
TIMEOUT_S = 180.0

RESULT_LENGTH = 128
"""Longest ``result`` field of a task."""

_UNTYPED_ERROR = 100

Wake = Callable[[], None]
Interrupt = Callable[[int], None]


def _nothing(*_: object) -> None:
    return


@dataclass(frozen=True)
class Request:
    """What a person asks the director to do."""

    type: str
    description: str
    username: str
    deployment: str = ""
    context_id: str = ""
    queue: str = NORMAL


class Tasks:
    """Task records and who must hear of them.

    Args:
        wake: tells idle workers that something is queued.
        interrupt: tells the worker of a task that it is to be cancelled.
    """

    def __init__(
        self, store: Store, clock: Clock, places: Places, *, wake: Wake = _nothing, interrupt: Interrupt = _nothing
    ) -> None:
        self._store = store
        self._clock = clock
        self._places = places
        self.wake = wake
        self.interrupt = interrupt

    def enqueue(self, request: Request, arguments: dict[str, Any]) -> records.Task:
        """Store a task and wake a worker for it."""
        task = self._store.tasks.insert(
            records.Task(
                request.type,
                "queued",
                request.description,
                request.username,
                self._clock.now(),
                queue=request.queue,
                deployment=request.deployment,
                context_id=request.context_id,
                arguments=arguments,
                checkpoint_at=self._clock.now(),
            )
        )
        self.wake()
        return task

    def find(self, task_id: str | int) -> records.Task:
        """Raises TaskNotFound."""
        task = self._store.tasks.get(id=int(task_id)) if str(task_id).isdecimal() else None
        if task is None:
            raise TaskNotFound(f"Task {task_id} not found")
        return task

    def cancel(self, task: records.Task) -> None:
        """Raises TaskUnexpectedState when it is over, or is being cancelled already."""
        now = self._clock.now()
        cancelled = {"state": "cancelled", "result": f"Task {task.id} cancelled", "finished_at": now}
        if self._store.tasks.update_where({"id": task.id, "state": "queued"}, **cancelled):
            self._say(task.id, 10001, f"Task {task.id} cancelled")
            self._remove_upload(task)
        elif self._store.tasks.update_where({"id": task.id, "state": "processing"}, state="cancelling"):
            self.interrupt(task.id)
        else:
            state = self.find(task.id).state
            raise TaskUnexpectedState(f"Cannot cancel task {task.id}: invalid state ({state})")

    def is_silent(self, task: records.Task) -> bool:
        """Whether a running task's worker has said nothing for too long."""
        if task.state not in ACTIVE or task.checkpoint_at is None:
            return False
        return (self._clock.now() - task.checkpoint_at).total_seconds() > TIMEOUT_S

    def mark_silent(self) -> int:
        """Turn silent tasks into ``timeout``; how many."""
        silent = [task for task in self._store.tasks.list(state=ACTIVE) if self.is_silent(task)]
        return sum(
            self._store.tasks.update_where(
                {"id": task.id, "state": task.state}, state="timeout", finished_at=self._clock.now()
            )
            for task in silent
        )

    def bury(self, *, worker: str | None = None, reason: str) -> Sequence[int]:
        """End the tasks of a worker (by default: all) that is known to be dead; their ids. Their locks are free afterwards."""
        whose: dict[str, Any] = {} if worker is None else {"worker": worker}
        dead = self._store.tasks.list(state=ACTIVE, **whose)
        for task in dead:
            self._bury(task, reason)
        if worker is None:
            # Nobody runs, so nobody holds anything.
            self._store.locks.delete(id=[lock.id for lock in self._store.locks.list()])
        else:
            silent = self._store.tasks.list(state="timeout", worker=worker)
            self._store.locks.delete(task_id=[str(task.id) for task in silent])
        return [task.id for task in dead]

    def _bury(self, task: records.Task, reason: str) -> None:
        was_cancelled = task.state == "cancelling"
        message = f"Task {task.id} cancelled" if was_cancelled else f"Task {task.id} was interrupted: {reason}"
        with self._store.transaction():
            self._say(task.id, 10001 if was_cancelled else _UNTYPED_ERROR, message)
            state = "cancelled" if was_cancelled else "error"
            self._store.tasks.update(
                task.id, state=state, result=message[:RESULT_LENGTH], finished_at=self._clock.now()
            )
            self._store.locks.delete(task_id=str(task.id))
        self._remove_upload(task)
        shutil.rmtree(self._places.work / f"task-{task.id}", ignore_errors=True)

    def _say(self, task_id: int, code: int, message: str) -> None:
        line = task_output.failure(time=int(self._clock.now().timestamp()), code=code, message=message)
        self._store.append_task_output(task_id, "event", line)

    def _remove_upload(self, task: records.Task) -> None:
        path = task.arguments.get("path") if isinstance(task.arguments, dict) else None
        if path and Path(path).parent == self._places.uploads:
            Path(path).unlink(missing_ok=True)

    def forget_old(self, max_tasks: int) -> int:
        """Keep the newest ``max_tasks`` finished tasks of each type (bosh: task_remover.rb); how many were forgotten."""
        kept: dict[str, int] = {}
        old: list[int] = []
        for task in self._store.tasks.list(state=FINISHED, newest_first=True):
            kept[task.type] = kept.get(task.type, 0) + 1
            if kept[task.type] > max_tasks:
                old.append(task.id)
        for some in _in_pieces(old, 500):
            self._store.delete_tasks(some)
            for task_id in some:
                shutil.rmtree(self._places.task(task_id), ignore_errors=True)
        return len(old)


def _in_pieces(values: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))
