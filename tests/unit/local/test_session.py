"""Tasks that an interrupted run left are followed before anything new is asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from bosh.cli.globals import Globals
from bosh.cli.output.ui import PipeUi
from bosh.cli.session import SessionError
from bosh.clients.director import Unreachable
from bosh.local.progress import Progress
from bosh.local.session import LocalSession

EVENT = json.dumps({"time": 1, "stage": "Updating instance", "tags": [], "task": "a/0", "state": "started"}) + "\n"


class FakeDirector:
    """Tasks by id; following one ends it."""

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self.tasks = {int(task["id"]): task for task in tasks}
        self.followed: list[int] = []
        self.interrupt = False

    def get(self, path: str, **query: Any) -> list[dict[str, Any]]:
        assert (path, query) == ("/tasks", {"state": "processing,cancelling,queued", "verbose": 1})
        return sorted(self.tasks.values(), key=lambda task: -int(task["id"]))

    def task(self, task_id: int) -> dict[str, Any]:
        if task_id not in self.tasks:
            raise Unreachable("no answer")
        return self.tasks[task_id]

    def follow(self, task_id: int, *, kind: str, feed: Callable[[str], None], **_: Any) -> dict[str, Any]:
        assert kind == "event"
        self.followed.append(task_id)
        feed(EVENT)
        if self.interrupt:
            raise KeyboardInterrupt
        return {**self.tasks[task_id], "state": self.tasks[task_id].get("ends", "done")}


class Local(LocalSession):
    def __init__(self, fake: FakeDirector, errors: io.StringIO) -> None:
        ui = PipeUi(out=io.StringIO(), err=io.StringIO(), color=False, interactive=False, columns=())
        super().__init__(Globals(environment="local"), ui, Progress(stream=errors))
        self.fake = fake

    def director(self) -> Any:
        return self.fake


def session(*tasks: dict[str, Any]) -> tuple[Local, FakeDirector, io.StringIO]:
    fake, errors = FakeDirector(list(tasks)), io.StringIO()
    return Local(fake, errors), fake, errors


def task(task_id: int, description: str, deployment: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": task_id, "description": description, "deployment": deployment, "state": "processing", **more}


def test_ours_are_followed_oldest_first_and_may_fail():
    local, fake, errors = session(
        task(7, "create deployment", "nats", ends="error", result="no"),
        task(5, "create stemcell"),
        task(6, "run errand", "another"),
    )
    local.wait_for_others("nats")
    assert fake.followed == [5, 7]
    assert "Task 5 (create stemcell) is still running" in errors.getvalue()


def test_a_failed_task_names_the_next_command():
    local, _, _ = session(task(3, "create deployment", "nats", ends="error", result="disk is full"))
    with pytest.raises(SessionError) as caught:
        local.follow(3, what="Updating deployment")
    assert "disk is full" in str(caught.value)
    assert "bosh -e local task 3 --debug" in str(caught.value)


def test_an_interruption_says_what_goes_on():
    local, fake, _ = session(task(3, "create deployment", "nats"))
    fake.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        local.follow(3, what="Updating deployment")
    assert local.interrupted().endswith("Meanwhile the director goes on with task 3 (create deployment).")
    fake.tasks.clear()
    assert local.interrupted() == "Interrupted. Running it again goes on where it stopped."


def test_without_a_task_an_interruption_is_short():
    local, _, _ = session()
    assert local.interrupted() == "Interrupted. Running it again goes on where it stopped."
