"""What must happen so that what is becomes what is wanted? A snapshot in, steps with their reasons out; pure."""

from __future__ import annotations

from diego.task_states import Task, TaskState

from .instances import converge, keys_to_auction
from .model import DesiredLRP, Reason, Snapshot, Step, Tag, Update
from .tasks import TaskLimits, TaskReason, TaskStep, converge_tasks

__all__ = [
    "DesiredLRP",
    "Reason",
    "Snapshot",
    "Step",
    "Tag",
    "Task",
    "TaskLimits",
    "TaskReason",
    "TaskState",
    "TaskStep",
    "Update",
    "converge",
    "converge_tasks",
    "keys_to_auction",
]
