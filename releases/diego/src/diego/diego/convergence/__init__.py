"""What must happen so that what is becomes what is wanted? A snapshot in, steps with their reasons out; pure."""

from __future__ import annotations

from .instances import converge, keys_to_auction
from .model import DesiredLRP, Reason, Snapshot, Step, Tag, Update
from .tasks import Task, TaskLimits, TaskReason, TaskState, TaskStep, converge_tasks

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
