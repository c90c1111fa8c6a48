"""What to do about each event: events in, instructions out; no clock, no bus, no process.

Tasks run one at a time in the order they came; everything else is run at once (bosh-agent: agent/action_dispatcher.go,
agent/task/async_task_service.go). ``ping``, ``info``, ``get_task`` and ``cancel_task`` need nothing but what is known here, so that they
are answered even while an action is long at work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bosh.wire.agent_rpc import Reply, Request

API_VERSION = 1
KEPT_RESULTS = 64
"""Finished tasks kept for ``get_task``. The director asks within seconds; results of errands may be large."""

NO_TASK_ID = "Extracting method arguments from payload: Not enough arguments, expected 1, got 0"

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(frozen=True, slots=True)
class Trait:
    """How an action is dispatched.

    Args:
        asynchronous: answered by a task's number.
        persistent: the task is known again after the agent restarted.
        cancellable: ``cancel_task`` may stop it.
    """

    asynchronous: bool = False
    persistent: bool = False
    cancellable: bool = False


# ---- events


@dataclass(frozen=True, slots=True)
class RequestArrived:
    request: Request
    task_id: str
    """A fresh id, used where a task is made."""


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """``error`` is None on success. Of a synchronous action ``task_id`` is empty."""

    request: Request
    task_id: str = ""
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRemembered:
    """Found in the tasks file after a restart: the restart was what the action wanted, so it is done."""

    task_id: str
    method: str


Event = RequestArrived | ActionFinished | TaskRemembered


# ---- instructions


@dataclass(frozen=True, slots=True)
class Answer:
    reply_to: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Run:
    request: Request
    task_id: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    task_id: str


@dataclass(frozen=True, slots=True)
class Remember:
    task_id: str
    method: str


@dataclass(frozen=True, slots=True)
class Forget:
    task_id: str


Instruction = Answer | Run | Cancel | Remember | Forget


@dataclass(slots=True)
class _Task:
    request: Request
    state: str = RUNNING
    value: Any = None
    error: str = ""


@dataclass(slots=True)
class Brain:
    """The only mutable state of the agent's conversation."""

    traits: Mapping[str, Trait]
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _queue: deque[str] = field(default_factory=deque)
    _active: str | None = None

    def handle(self, event: Event) -> list[Instruction]:
        match event:
            case RequestArrived():
                return self._request(event.request, event.task_id)
            case ActionFinished():
                return self._finished(event)
            case TaskRemembered():
                return self._remembered(event)

    @property
    def busy(self) -> bool:
        return self._active is not None

    def _request(self, request: Request, task_id: str) -> list[Instruction]:
        if request.method in {"get_task", "cancel_task"} and not request.arguments:
            return [_failure(request, f"Action Failed {request.method}: {NO_TASK_ID}")]
        match request.method:
            case "ping":
                return [_value(request, "pong")]
            case "info":
                return [_value(request, {"api_version": API_VERSION})]
            case "get_task":
                return [self._get_task(request)]
            case "cancel_task":
                return self._cancel_task(request)
        trait = self.traits.get(request.method)
        if trait is None:
            return [_failure(request, f"unknown message {request.method}")]
        if not trait.asynchronous:
            return [Run(request)]
        return self._enqueue(request, task_id, trait)

    def _enqueue(self, request: Request, task_id: str, trait: Trait) -> list[Instruction]:
        self._tasks[task_id] = _Task(request)
        self._queue.append(task_id)
        instructions: list[Instruction] = [Remember(task_id, request.method)] if trait.persistent else []
        instructions.append(_value(request, _running(task_id)))
        return instructions + self._start_next()

    def _start_next(self) -> list[Instruction]:
        if self._active is not None or not self._queue:
            return []
        self._active = self._queue.popleft()
        return [Run(self._tasks[self._active].request, self._active)]

    def _finished(self, event: ActionFinished) -> list[Instruction]:
        if not event.task_id:
            if event.error is not None:
                return [_failure(event.request, f"Action Failed {event.request.method}: {event.error}")]
            return [_value(event.request, event.value)]
        task = self._tasks[event.task_id]
        self._settle(task, event.value, event.error)
        if self._active == event.task_id:
            self._active = None
        self._drop_old_results()
        forget: list[Instruction] = [Forget(event.task_id)] if self.traits[task.request.method].persistent else []
        return forget + self._start_next()

    @staticmethod
    def _settle(task: _Task, value: Any, error: str | None) -> None:
        task.state = DONE if error is None else FAILED
        task.value, task.error = value, error or ""

    def _remembered(self, event: TaskRemembered) -> list[Instruction]:
        task = _Task(Request(event.method, (), ""))
        self._settle(task, "ok", None)
        self._tasks[event.task_id] = task
        return [Forget(event.task_id)]

    def _get_task(self, request: Request) -> Answer:
        task_id = _first_text(request)
        task = self._tasks.get(task_id)
        if task is None:
            return _failure(request, f"Action Failed get_task: Task with id {task_id} could not be found")
        if task.state == RUNNING:
            return _value(request, _running(task_id))
        if task.state == FAILED:
            return _failure(request, f"Action Failed get_task: Task {task_id} result: {task.error}")
        return _value(request, task.value)

    def _cancel_task(self, request: Request) -> list[Instruction]:
        task_id = _first_text(request)
        task = self._tasks.get(task_id)
        if task is None:
            return [_failure(request, f"Action Failed cancel_task: Task with id {task_id} could not be found")]
        if task.state != RUNNING:
            return [_value(request, "canceled")]
        if not self.traits[task.request.method].cancellable:
            return [_failure(request, f"Action Failed cancel_task: {task.request.method} cannot be cancelled")]
        if task_id in self._queue:
            self._queue.remove(task_id)
            self._settle(task, None, "cancelled before it started")
            return [_value(request, "canceled")]
        return [Cancel(task_id), _value(request, "canceled")]

    def _drop_old_results(self) -> None:
        finished = [task_id for task_id, task in self._tasks.items() if task.state != RUNNING]
        for task_id in finished[:-KEPT_RESULTS]:
            del self._tasks[task_id]


def _running(task_id: str) -> dict[str, str]:
    return {"agent_task_id": task_id, "state": RUNNING}


def _value(request: Request, value: Any) -> Answer:
    return Answer(request.reply_to, Reply(value=value))


def _failure(request: Request, text: str) -> Answer:
    return Answer(request.reply_to, Reply(exception=text))


def _first_text(request: Request) -> str:
    return str(request.arguments[0])
