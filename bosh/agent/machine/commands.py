"""Running programs, and a fake that answers as told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bosh.wire.errors import BoshError

SCRIPT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of every job script (bosh-agent: agent/script/pathenv)."""

KILL_GRACE_S = 10.0
"""From SIGTERM to SIGKILL when a script is cancelled (bosh-agent: run_errand.go)."""

SCRIPT_NICENESS = 5
"""Scripts run below the agent's priority, so that the agent still answers while they work."""


@dataclass(frozen=True, slots=True)
class Result:
    """``status`` is the exit code, or 128 + signal. Output that went to a file is empty here."""

    status: int
    stdout: str = ""
    stderr: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the agent's own environment."""
    directory: Path | None = None
    stdout: Path | None = None
    """Append to this file instead of returning it."""
    stderr: Path | None = None
    lower_priority: bool = False


class Commands(Protocol):
    async def run(self, command: Command, *, cancelled: asyncio.Event | None = None) -> Result:
        """Run to the end; a cancelled one is terminated with its children.

        Raises:
            BoshError: the program cannot be started.
        """
        ...

    async def check(self, argv: Sequence[str]) -> Result:
        """Run a program that must succeed.

        Raises:
            BoshError: it cannot be started or exits with another status than 0.
        """
        ...


def failure(command: Sequence[str], result: Result) -> BoshError:
    """The error that a non-zero exit status is."""
    return BoshError(
        f"Running command: '{' '.join(command)}', stdout: '{result.stdout}', stderr: '{result.stderr}': "
        f"exit status {result.status}"
    )


class SystemCommands:
    """This machine's programs."""

    async def run(self, command: Command, *, cancelled: asyncio.Event | None = None) -> Result:
        with contextlib.ExitStack() as files:
            stdout = _output(command.stdout, files)
            stderr = _output(command.stderr, files)
            try:
                process = await asyncio.create_subprocess_exec(
                    *command.argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, **command.env},
                    cwd=command.directory,
                    start_new_session=True,
                )
            except OSError as error:
                raise BoshError(f"cannot run {command.argv[0]}", details=str(error)) from error
            if command.lower_priority:
                _lower_priority(process.pid)
            return await _finish(process, cancelled)

    async def check(self, argv: Sequence[str]) -> Result:
        result = await self.run(Command(argv))
        if result.status != 0:
            raise failure(argv, result)
        return result


def _output(path: Path | None, files: contextlib.ExitStack) -> Any:
    if path is None:
        return asyncio.subprocess.PIPE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    files.callback(os.close, descriptor)
    return descriptor


def _lower_priority(pid: int) -> None:
    """Of the whole group; a process that has ended already needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PGRP, pid, SCRIPT_NICENESS)


async def _finish(process: asyncio.subprocess.Process, cancelled: asyncio.Event | None) -> Result:
    output = asyncio.ensure_future(process.communicate())
    stop = asyncio.ensure_future(cancelled.wait()) if cancelled is not None else None
    try:
        await asyncio.wait([output] if stop is None else [output, stop], return_when=asyncio.FIRST_COMPLETED)
        was_cancelled = not output.done()
        if was_cancelled:
            await _terminate(process, output)
        stdout, stderr = await output
    except asyncio.CancelledError:
        _signal_group(process, signal.SIGKILL)
        raise
    finally:
        if stop is not None:
            stop.cancel()
    status = process.returncode if process.returncode is not None else -1
    return Result(
        status if status >= 0 else 128 - status,
        (stdout or b"").decode("utf-8", "replace"),
        (stderr or b"").decode("utf-8", "replace"),
        was_cancelled,
    )


async def _terminate(process: asyncio.subprocess.Process, output: asyncio.Future[Any]) -> None:
    _signal_group(process, signal.SIGTERM)
    done, _ = await asyncio.wait([output], timeout=KILL_GRACE_S)
    if not done:
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class FakeCommands:
    """Remembers what was run; answers by the first rule whose words all appear in the command, else with success."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self._rules: list[tuple[tuple[str, ...], Callable[[Sequence[str]], Result]]] = []

    def answer(self, *words: str, status: int = 0, stdout: str = "", stderr: str = "") -> None:
        """Later rules win over earlier ones."""
        self._rules.insert(0, (words, lambda _: Result(status, stdout, stderr)))

    async def run(self, command: Command, *, cancelled: asyncio.Event | None = None) -> Result:
        del cancelled
        self.ran.append(list(command.argv))
        for words, answer in self._rules:
            if all(word in command.argv for word in words):
                return answer(command.argv)
        return Result(0)

    async def check(self, argv: Sequence[str]) -> Result:
        result = await self.run(Command(argv))
        if result.status != 0:
            raise failure(argv, result)
        return result
