"""What may become of a task? One function per request of the BBS: a row in, what to do or an error out; pure.

Pending → running → completed → resolving → gone. A task runs at most once: only what never started, or what its cell refused, is tried
again. Sources: bbs db/sqldb/task_db.go, controllers/task_controller.go, models/task.go. Times are nanoseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from diego.errors import bad_request, invalid_transition, on_another_cell
from diego.texts import shortened

REJECTIONS_MAXIMUM = 3
CANCELLED = "task was cancelled"


class TaskState(IntEnum):
    """The numbers of models.Task.State."""

    INVALID = 0
    PENDING = 1
    RUNNING = 2
    COMPLETED = 3
    RESOLVING = 4


@dataclass(frozen=True, slots=True)
class Task:
    """One row."""

    guid: str
    domain: str = ""
    state: TaskState = TaskState.PENDING
    created_at: int = 0
    updated_at: int = 0
    first_completed_at: int = 0
    cell_id: str = ""
    failed: bool = False
    failure_reason: str = ""
    result: str = ""
    rejection_count: int = 0
    rejection_reason: str = ""


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What to do once a request is granted.

    Attributes:
        before, after: the row to write; the same when nothing changes, and no row after when it is to be deleted.
        callback: call the completion callback, where there is one.
        cancel_on: ask this cell to stop it.
    """

    before: Task
    after: Task | None
    callback: bool = False
    cancel_on: str = ""

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.after is not self.before


def start(task: Task, cell_id: str, now: int) -> TaskOutcome:
    """A cell begins with it; an outcome without a change means that it has begun before and must not again."""
    if (task.state, task.cell_id) == (TaskState.RUNNING, cell_id):
        return TaskOutcome(task, task)
    _expect(task, TaskState.PENDING, TaskState.RUNNING)
    return TaskOutcome(task, replace(task, state=TaskState.RUNNING, updated_at=now, cell_id=cell_id))


def complete(task: Task, cell_id: str, now: int, *, failed: bool, failure_reason: str, result: str) -> TaskOutcome:
    """Its cell says that it has come to its end."""
    if task.state == TaskState.RUNNING and task.cell_id != cell_id:
        raise on_another_cell(cell_id, task.cell_id)
    _expect(task, TaskState.RUNNING, TaskState.COMPLETED)
    after = replace(_ended(task, now), failed=failed, failure_reason=shortened(failure_reason), result=result)
    return TaskOutcome(task, after, callback=True)


def fail(task: Task, reason: str, now: int) -> TaskOutcome:
    """It will not run, or not to its end."""
    if task.state != TaskState.PENDING:
        _expect(task, TaskState.RUNNING, TaskState.COMPLETED)
    after = replace(_ended(task, now), failed=True, failure_reason=shortened(reason), result="")
    return TaskOutcome(task, after, callback=True)


def cancel(task: Task, now: int) -> TaskOutcome:
    """Nobody wants it any more."""
    return replace(fail(task, CANCELLED, now), cancel_on=task.cell_id)


def reject(task: Task, reason: str, now: int, maximum: int = REJECTIONS_MAXIMUM) -> TaskOutcome:
    """No cell was found, or a cell did not take it: it waits for another, until it was rejected `maximum` times before."""
    if task.state not in {TaskState.PENDING, TaskState.RUNNING}:
        raise bad_request()
    rejected = replace(
        task,
        state=TaskState.PENDING,
        updated_at=now,
        rejection_count=task.rejection_count + 1,
        rejection_reason=shortened(reason),
    )
    if task.rejection_count < maximum:
        return TaskOutcome(task, rejected)
    return TaskOutcome(task, fail(rejected, reason, now).after, callback=True)


def resolving(task: Task, now: int) -> TaskOutcome:
    """Somebody takes care of the completed task, and nobody else shall."""
    _expect(task, TaskState.COMPLETED, TaskState.RESOLVING)
    return TaskOutcome(task, replace(task, state=TaskState.RESOLVING, updated_at=now))


def delete(task: Task) -> TaskOutcome:
    """It was taken care of."""
    _expect(task, TaskState.RESOLVING, TaskState.RESOLVING)
    return TaskOutcome(task, None)


def expired(task: Task, reason: str, now: int) -> Task:
    """Return the task once convergence has failed it; it keeps the id of its cell."""
    return replace(_ended(task, now), cell_id=task.cell_id, failed=True, failure_reason=reason, result="")


def _ended(task: Task, now: int) -> Task:
    return replace(task, state=TaskState.COMPLETED, updated_at=now, first_completed_at=now, cell_id="")


def _expect(task: Task, before: TaskState, after: TaskState) -> None:
    if task.state != before:
        raise invalid_transition(task.state.name.capitalize(), after.name.capitalize())
