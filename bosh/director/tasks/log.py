"""A running task's outputs: ``event`` and ``result`` in the store, ``debug`` and ``cpi`` in files (bosh: event_log.rb, task_db_writer.rb)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from bosh.state.contract import Store
from bosh.system.clock import Clock
from bosh.wire import task_output
from bosh.wire.errors import joined

# Result rows are stored in pieces of this size, because a `vms` of thousands of instances would otherwise commit each row by itself.
_RESULT_PIECE_BYTES = 64 * 1024

_encode = msgspec.json.Encoder().encode


def debug_line(now: datetime, message: str, *, task_id: int, pid: int, level: str = "DEBUG") -> str:
    """One line as Ruby's logger writes it; tools parse it (``I, [2026-… #12] [task:3]  INFO -- DirectorJobRunner: …``)."""
    moment = now.isoformat(timespec="microseconds")[:26]  # the zone left out
    return f"{level[0]}, [{moment} #{pid}] [task:{task_id}] {level:>5} -- DirectorJobRunner: {message}\n"


class RunningStep:
    """One started event line."""

    def __init__(self, stage: TaskStage, task: str, index: int) -> None:
        self._stage = stage
        self._task = task
        self._index = index

    def status(self, text: str) -> None:
        self.write(task_output.IN_PROGRESS, status=text)

    def write(self, state: str, *, status: str = "", error: str = "") -> None:
        self._stage.write(self._task, self._index, state, status=status, error=error)


class TaskStage:
    """A stage such as ``Creating missing vms``: hands out the numbers of its steps."""

    def __init__(self, log: FileTaskLog, name: str, total: int, tags: Sequence[str]) -> None:
        self._log = log
        self._name = name
        self._total = total
        self._tags = tuple(tags)
        self._steps = 0

    def step(self, task: str) -> AbstractAsyncContextManager[RunningStep]:
        return self._step(task)

    @asynccontextmanager
    async def _step(self, task: str) -> AsyncIterator[RunningStep]:
        self._steps += 1
        step = RunningStep(self, task, self._steps)
        step.write(task_output.STARTED)
        try:
            yield step
        except asyncio.CancelledError:
            step.write(task_output.FAILED, error="Task cancelled")
            raise
        except BaseException as error:
            self._failed(step, error)
            raise
        step.write(task_output.FINISHED)

    def _failed(self, step: RunningStep, error: BaseException) -> None:
        """Where nothing can be written any more, a full disk for example, the first error is still the one to tell."""
        try:
            step.write(task_output.FAILED, error=joined(error))
        except Exception as second:  # noqa: BLE001 - the caller raises the first one
            error.add_note(f"nor could it be written down: {second}")

    def write(self, task: str, index: int, state: str, *, status: str, error: str) -> None:
        self._log.event(
            task_output.step(
                time=self._log.now_s(),
                stage=self._name,
                task=task,
                state=state,
                index=index,
                total=self._total,
                tags=self._tags,
                status=status,
                error=error,
            )
        )


class FileTaskLog:
    """Keeps the ``TaskLog`` contract."""

    def __init__(self, task_id: int, folder: Path, store: Store, clock: Clock) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._task_id = task_id
        self._folder = folder
        self._store = store
        self._clock = clock
        self._pid = os.getpid()
        self._debug = _append_to(folder / "debug")
        self._cpi: IO[str] | None = None
        self._rows: list[bytes] = []
        self._row_bytes = 0
        self._turn = threading.Lock()

    def now_s(self) -> int:
        return int(self._clock.now().timestamp())

    def stage(self, name: str, *, total: int = 1, tags: Sequence[str] = ()) -> TaskStage:
        return TaskStage(self, name, total, tags)

    def notice(self, kind: str, message: str) -> None:
        self.event(task_output.notice(time=self.now_s(), kind=kind, message=message))

    def failure(self, code: int, message: str) -> None:
        """The last line of a task that failed."""
        self.event(task_output.failure(time=self.now_s(), code=code, message=message))

    def event(self, line: str) -> None:
        self._store.append_task_output(self._task_id, "event", line)

    def result(self, row: Any) -> None:
        text = _encode(row) + b"\n"
        with self._turn:
            self._rows.append(text)
            self._row_bytes += len(text)
            full = self._row_bytes >= _RESULT_PIECE_BYTES
        if full:
            self.flush()

    def debug(self, message: str) -> None:
        self._write_debug(message, "DEBUG")

    def error(self, message: str) -> None:
        self._write_debug(message, "ERROR")

    def cpi(self, text: str) -> None:
        with self._turn:
            if self._cpi is None:
                self._cpi = _append_to(self._folder / "cpi")
            self._cpi.write(text if text.endswith("\n") else f"{text}\n")

    def flush(self) -> None:
        """Store the result rows written so far."""
        with self._turn:
            rows, self._rows, self._row_bytes = self._rows, [], 0
        self._store.append_task_output(self._task_id, "result", b"".join(rows).decode())

    def close(self) -> None:
        self.flush()
        self._debug.close()
        if self._cpi is not None:
            self._cpi.close()

    def _write_debug(self, message: str, level: str) -> None:
        with self._turn:
            self._debug.write(debug_line(self._clock.now(), message, task_id=self._task_id, pid=self._pid, level=level))


def _append_to(path: Path) -> IO[str]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "a", buffering=1, encoding="utf-8", errors="backslashreplace")
