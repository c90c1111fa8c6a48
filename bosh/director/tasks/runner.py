"""Run one task: find its body, give it its world, and store how it ended (bosh: job_runner.rb)."""

from __future__ import annotations

import asyncio
import importlib
import re
import shutil
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from bosh.clients.cpi_journal import Journal
from bosh.director.places import Places
from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.control import Stop, SyncBus, TaskControl
from bosh.director.tasks.engine import CHECKPOINT_S, RESULT_LENGTH, URGENT
from bosh.director.tasks.log import FileTaskLog
from bosh.director.tasks.lost import settle
from bosh.director.world import Circumstances, World
from bosh.state import records
from bosh.wire.errors import BoshError, NotEnoughDiskSpace, SystemFailure, TaskCancelled, joined

Body = Callable[[TaskContext], Awaitable[str]]

# What the original gives an error that has no number of its own.
_UNTYPED_ERROR = 100


def body_of(task_type: str) -> Body:
    """``run`` of ``bosh/director/tasks/<type>.py``.

    Raises:
        SystemFailure: there is no such task type.
    """
    module_name = f"bosh.director.tasks.{task_type}"
    if not re.fullmatch(r"[a-z][a-z_]*", task_type):
        raise SystemFailure(f"cannot run a task of type {task_type!r}")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise SystemFailure(
            f"cannot run a task of type '{task_type}'", details="this director has no such task"
        ) from error
    body: Body | None = getattr(module, "run", None)
    if body is None:
        raise SystemFailure(f"cannot run a task of type '{task_type}'", details="this director has no such task")
    return body


@dataclass(frozen=True)
class Outcome:
    state: str
    result: str


def _no_room() -> BoshError:
    return NotEnoughDiskSpace(
        "cannot write to the director's database: No space left on its disk",
        resolution="Free space on the director's disk, then repeat the command.",
    )


class Runner:
    """Runs tasks in this process, one after another."""

    def __init__(self, here: Circumstances, places: Places, world: World, *, sync_bus: SyncBus) -> None:
        self._here = here
        self._places = places
        self._world = world
        self._sync_bus = sync_bus
        self.task_id = 0
        """The task under way, or 0."""
        self._stop = Stop()

    def cancel(self, task_id: int) -> None:
        """The operator wants this task to end."""
        if task_id == self.task_id:
            self._stop.request(TaskCancelled(f"Task {task_id} cancelled"))

    def abort(self, reason: str) -> None:
        """The task under way, if any, must end because the director does."""
        if self.task_id:
            self._stop.request(BoshError(f"Task {self.task_id} was interrupted: {reason}", code=_UNTYPED_ERROR))

    async def run(self, task: records.Task) -> Outcome:
        """Carry a claimed task to its end; never raises for what the body does."""
        self._stop, self.task_id = Stop(), task.id
        outputs = FileTaskLog(task.id, self._places.task(task.id), self._here.store, self._here.clock)
        pulse = asyncio.create_task(self._pulse(task.id))
        # Cancelled between being queued and being claimed: nobody could tell us then.
        current = self._here.store.tasks.get(id=task.id)
        if current is not None and current.state == "cancelling":
            self.cancel(task.id)
        try:
            outcome = await self._outcome(task, outputs)
        finally:
            pulse.cancel()
            self.task_id = 0
        self._finish(task, outputs, outcome)
        return outcome

    async def _outcome(self, task: records.Task, outputs: FileTaskLog) -> Outcome:
        outputs.debug(f"Starting task: {task.id} ({task.type})")
        body = asyncio.create_task(self._body(task, outputs))
        self._stop.watch(body)
        try:
            return Outcome("done", await body)
        except asyncio.CancelledError:
            return self._failed(outputs, self._stop.error or TaskCancelled(f"Task {task.id} cancelled"))
        except TaskCancelled as error:
            return self._failed(outputs, self._stop.error or error)
        except BoshError as error:
            outputs.error("".join(traceback.format_exception(error)).rstrip())
            return self._failed(outputs, error)
        except Exception as error:  # noqa: BLE001 - a body's bug must end its task, not the worker
            outputs.error("".join(traceback.format_exception(error)).rstrip())
            if "database or disk is full" in str(error):
                return self._failed(outputs, _no_room())
            return self._failed(outputs, BoshError(joined(error), code=_UNTYPED_ERROR))

    async def _body(self, task: records.Task, outputs: FileTaskLog) -> str:
        work_dir = self._places.work / f"task-{task.id}"
        await asyncio.to_thread(shutil.rmtree, work_dir, True)  # noqa: FBT003 - ignore_errors
        work_dir.mkdir(mode=0o700, parents=True)
        here = self._here
        try:
            context = TaskContext(
                task=task,
                config=here.config,
                director_uuid=here.director_uuid,
                store=here.store,
                blobs=self._world.blobs,
                agents=self._world.agents(outputs),
                cpis=await self._world.cpis(outputs),
                log=outputs,
                clock=here.clock,
                ids=here.ids,
                work_dir=work_dir,
                control=self._control(task),
            )
            if task.queue != URGENT:
                await settle(context, Journal(self._places.calls))
            return await self._told(task, context)
        finally:
            await asyncio.to_thread(shutil.rmtree, work_dir, True)  # noqa: FBT003 - ignore_errors

    async def _told(self, task: records.Task, context: TaskContext) -> str:
        """Run the body; agents of VMs that it deleted are not let in on the bus any more."""
        try:
            result = await body_of(task.type)(context)
        except BoshError:
            if task.queue != URGENT:
                await self._tell_bus(context)
            raise
        if task.queue != URGENT:
            await self._tell_bus(context)
        return result

    async def _tell_bus(self, context: TaskContext) -> None:
        """A bus that does not listen hears it with the next VM."""
        try:
            await self._sync_bus()
        except BoshError as error:
            context.log.debug(f"the bus was not told who is gone: {error}")

    def _control(self, task: records.Task) -> TaskControl:
        here = self._here
        return TaskControl(
            task,
            here.store,
            here.clock,
            here.ids,
            stop=self._stop,
            sync_bus=self._sync_bus,
            record_events=here.config.record_events,
        )

    def _failed(self, outputs: FileTaskLog, error: BoshError) -> Outcome:
        outputs.failure(error.code, joined(error))
        was_cancelled = isinstance(error, TaskCancelled)
        return Outcome("cancelled" if was_cancelled else "error", str(error).partition("\n")[0])

    def _finish(self, task: records.Task, outputs: FileTaskLog, outcome: Outcome) -> None:
        outputs.debug(f"Task {task.id} {outcome.state}: {outcome.result}")
        outputs.close()
        here = self._here
        # A body that ends without letting go of a lock must not keep others waiting.
        here.store.locks.delete(task_id=str(task.id))
        here.store.tasks.update(
            task.id, state=outcome.state, result=outcome.result[:RESULT_LENGTH], finished_at=here.clock.now()
        )

    async def _pulse(self, task_id: int) -> None:
        """Say that the task goes on, until cancelled."""
        with suppress(asyncio.CancelledError):
            while True:
                await self._here.clock.sleep_s(CHECKPOINT_S)
                self._here.store.tasks.update(task_id, checkpoint_at=self._here.clock.now())
