"""The administrator's session as ``bosh up`` has it: tasks are followed as lines among its own."""

from __future__ import annotations

from typing import Any

from bosh.cli.globals import Globals
from bosh.cli.output.ui import AnyUi
from bosh.cli.session import Session, SessionError
from bosh.clients.director import DirectorError, Unreachable
from bosh.local.progress import Progress, TaskLines

_UNFINISHED = "processing,cancelling,queued"


class LocalSession(Session):
    """``changed`` tells whether any task that was followed did more than look."""

    def __init__(self, flags: Globals, ui: AnyUi, progress: Progress) -> None:
        super().__init__(flags, ui)
        self._progress = progress
        self.following: int | None = None
        """The task that the director is busy with for us."""
        self.changed = False

    def follow(self, task_id: int, *, what: str, kind: str = "event", fail: bool = True) -> dict[str, Any]:
        """Show a task until it ends; the finished task. Raises SessionError."""
        lines = TaskLines(self._progress.say)
        self.following = task_id
        task = self.director().follow(task_id, kind=kind, feed=lines.feed)
        self.following = None
        self.changed |= lines.changed
        if fail and task["state"] != "done":
            raise SessionError(
                f"cannot go on: task {task_id} ({what}) ended as '{task['state']}'\n{task.get('result') or ''}\n"
                f"Look closer with: bosh -e {self.flags.environment} task {task_id} --debug\n"
                "Running this command again goes on where it stopped."
            )
        return task

    def wait_for_others(self, deployment: str) -> None:
        """Follow what an interrupted run or a person left the director busy with, as far as it concerns us; how it ends is theirs."""
        found = self.director().get("/tasks", state=_UNFINISHED, verbose=1)
        ours = [task for task in found if task.get("deployment") in {None, "", deployment}]
        for task in sorted(ours, key=lambda task: int(task["id"])):
            self._progress.say(f"Task {task['id']} ({task['description']}) is still running: following it first")
            self.follow(int(task["id"]), what=task["description"], fail=False)

    def interrupted(self) -> str:
        """What to tell a person who pressed Ctrl-C."""
        again = "Interrupted. Running it again goes on where it stopped."
        if self.following is None:
            return again
        try:
            task = self.director().task(self.following)
        except (DirectorError, Unreachable):
            return again
        return f"{again} Meanwhile the director goes on with task {task['id']} ({task['description']})."
