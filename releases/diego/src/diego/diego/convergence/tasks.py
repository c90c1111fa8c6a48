"""Convergence of tasks. Sources: bbs db/sqldb/task_convergence.go, controllers/task_controller.go. Times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from diego.task_states import Task, TaskState, expired

EXPIRED = "not started within time limit"
CELL_DISAPPEARED = "cell disappeared before completion"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """How long a task may stay as it is, in nanoseconds.

    Attributes:
        kick: what is completed or resolving this long is taken up again.
        expire_pending: what has found no cell for this long fails.
        expire_completed: what was completed this long ago is deleted, whether or not anybody has heard of it.
    """

    kick: int = 30 * _SECOND
    expire_pending: int = 1800 * _SECOND
    expire_completed: int = 120 * _SECOND


@dataclass(frozen=True, slots=True)
class TaskStep:
    """One thing to do for a task.

    Attributes:
        before, after: the row to change; `after` is None when it is to be deleted, the same as `before` when it stays.
        auction: ask the auctioneer for a cell.
        complete: call the completion callback.
    """

    before: Task
    after: Task | None
    reason: TaskReason
    auction: bool = False
    complete: bool = False


class TaskReason(StrEnum):
    """Why a step is taken."""

    EXPIRED = "expired-pending-task"
    PENDING = "pending-task"
    MISSING_CELL = "task-on-missing-cell"
    UNRESOLVED = "unresolved-task"
    UNHEARD = "completed-task-not-heard-of"
    FORGOTTEN = "expired-completed-task"


def converge_tasks(
    tasks: Iterable[Task], cells: Collection[str], now: int, limits: TaskLimits | None = None
) -> tuple[TaskStep, ...]:
    """Return the steps, at most one for each task, in the order of guids."""
    there, limits = frozenset(cells), limits or TaskLimits()
    return tuple(step for task in sorted(tasks, key=lambda one: one.guid) for step in _steps(task, there, now, limits))


def _steps(task: Task, cells: frozenset[str], now: int, limits: TaskLimits) -> Iterator[TaskStep]:
    match task.state:
        case TaskState.PENDING if task.created_at < now - limits.expire_pending:
            yield TaskStep(task, expired(task, EXPIRED, now), TaskReason.EXPIRED)
        case TaskState.PENDING:
            yield TaskStep(task, task, TaskReason.PENDING, auction=True)
        case TaskState.RUNNING if task.cell_id not in cells:
            yield TaskStep(task, expired(task, CELL_DISAPPEARED, now), TaskReason.MISSING_CELL)
        case TaskState.COMPLETED | TaskState.RESOLVING:
            yield from _ended(task, now, limits)


def _ended(task: Task, now: int, limits: TaskLimits) -> Iterator[TaskStep]:
    kicked = task.updated_at < now - limits.kick
    if task.state == TaskState.RESOLVING and not kicked:
        return
    if task.first_completed_at < now - limits.expire_completed:
        yield TaskStep(task, None, TaskReason.FORGOTTEN)
    elif task.state == TaskState.RESOLVING:
        # Whoever took it up has not come to an end: it is completed again, and called anew at once.
        yield TaskStep(task, replace(task, state=TaskState.COMPLETED), TaskReason.UNRESOLVED, complete=True)
    elif kicked:
        yield TaskStep(task, task, TaskReason.UNHEARD, complete=True)
