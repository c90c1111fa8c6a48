"""Running a CPI program: once for each call, or as a server of many calls.

A CPI's environment is emptied but for PATH, TMPDIR and HOME, its exit status means nothing, and what it prints on stderr goes to the
task's ``cpi`` output (docs-bosh: content/cpi-api-rpc.md; bosh: external_cpi.rb).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from bosh.clients.cpi_journal import Pending
from bosh.wire.errors import CloudError

Stderr = Callable[[str], None]
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
_GRACE_S = 5.0
_SERVE = "--serve"

NO_ANSWER = "NoAnswer"
"""Kind of the error when a program ended before it answered: what it was asked for may have happened."""


class Program(Protocol):
    """A CPI that can be asked."""

    async def exchange(self, request: bytes, request_id: str, stderr: Stderr, entry: Pending | None = None) -> bytes:
        """One line of JSON in, the response's bytes out. Raises CloudError when the program cannot be run.

        Args:
            entry: of a call whose answer must survive us. A serving program finds its answer file in the request's context.
        """
        ...

    async def close(self) -> None: ...


def cpi_environment() -> dict[str, str]:
    """What a CPI sees of our environment."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "HOME") if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **kept}


def _is_executable(path: str) -> bool:
    return os.access(path, os.X_OK) and Path(path).is_file()


async def start(command: Sequence[str], *, stdout: int | BinaryIO = PIPE, stderr: int | BinaryIO = PIPE) -> Process:
    """Start it, with pipes unless files are given. Raises CloudError when there is no such executable."""
    if not _is_executable(command[0]):
        raise CloudError(
            f"cannot run CPI '{command[0]}'",
            kind="NonExecutable",
            details="it is not an executable file",
            resolution="Correct the CPI's path, or install the CPI.",
        )
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=stdout, stderr=stderr, env=cpi_environment(), limit=_LONGEST_LINE_BYTES
    )


class OneShotProgram:
    """A process for each call, as the original director does it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    async def exchange(self, request: bytes, request_id: str, stderr: Stderr, entry: Pending | None = None) -> bytes:
        if entry is not None:
            return await self._exchange_files(request, stderr, entry)
        process = await start(self._command)
        try:
            return await _converse(process, request, stderr)
        finally:
            await _end(process)

    async def _exchange_files(self, request: bytes, stderr: Stderr, entry: Pending) -> bytes:
        """Its answer and what it prints go to files: without a reader it must not stumble over a broken pipe."""
        with entry.answer_file.open("wb") as answers, entry.stderr_file.open("wb") as prints:
            process = await start(self._command, stdout=answers, stderr=prints)
        try:
            assert process.stdin is not None
            entry.write(process.pid)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer without reading
                process.stdin.write(request)
                await process.stdin.drain()
            process.stdin.close()
            await process.wait()
        finally:
            await _end(process)
            if printed := entry.stderr_file.read_text(errors="replace"):
                stderr(printed)
        return entry.answer_file.read_bytes()

    async def close(self) -> None:
        """Nothing stays between calls."""


async def _converse(process: Process, request: bytes, stderr: Stderr) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    reading = asyncio.create_task(_forward(process.stderr, stderr))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer without reading
            process.stdin.write(request)
            await process.stdin.drain()
        process.stdin.close()
        answer = await process.stdout.read()
        await reading
        return answer
    finally:
        reading.cancel()


async def _forward(stream: asyncio.StreamReader, sink: Stderr) -> None:
    while piece := await stream.read(65536):
        sink(piece.decode(errors="replace"))


async def _end(process: Process) -> None:
    """Wait for it; one that lingers after closing its output, or was interrupted, is killed."""
    try:
        async with asyncio.timeout(_GRACE_S if process.returncode is None else None):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class ServingProgram:
    """One process, many calls at a time (cpi/kit: ``--serve``): a line of JSON each way, matched by ``request_id``.

    A process that dies fails the calls under way and is started anew by the next call.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = (*command, _SERVE)
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._stderr: Stderr = lambda _text: None

    async def exchange(self, request: bytes, request_id: str, stderr: Stderr, entry: Pending | None = None) -> bytes:
        self._stderr = stderr
        process = await self._running()
        if entry is not None:
            entry.write(process.pid)
        assert process.stdin is not None
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            process.stdin.write(request)
            await process.stdin.drain()
            return await answer
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._died() from error
        finally:
            self._waiting.pop(request_id, None)

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        await _end(process)
        for reader in tuple(self._readers):
            reader.cancel()

    async def _running(self) -> Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                process = await start(self._command)
                assert process.stderr is not None
                self._process = process
                for reading in (self._read_answers(process), _forward(process.stderr, self._tell)):
                    reader = asyncio.create_task(reading)
                    self._readers.add(reader)
                    reader.add_done_callback(self._readers.discard)
            return self._process

    async def _read_answers(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            request_id = _request_id(line)
            answer = self._waiting.pop(request_id, None)
            if answer is not None and not answer.done():
                answer.set_result(line)
            elif not request_id:
                self._distrust(process, line)
        await process.wait()
        if self._process is not process:
            return  # nobody waits for a process that was let go
        self._process = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(self._died())

    def _distrust(self, process: Process, line: bytes) -> None:
        """It printed what is no answer to anybody: nobody can tell whose answer that was, so all who wait get it, and the next call goes
        to a new process. This one may end what it has begun.
        """
        if self._process is process:
            self._process = None
        assert process.stdin is not None
        process.stdin.close()
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_result(line)

    def _tell(self, text: str) -> None:
        """To the log of whoever called last; stderr does not say for which call it is."""
        self._stderr(text)

    def _died(self) -> CloudError:
        return CloudError(
            f"cannot get an answer from CPI '{self._command[0]}'",
            kind=NO_ANSWER,
            details="its process ended before it answered",
            resolution="See the task's cpi output for what it printed.",
        )


def _request_id(line: bytes) -> str:
    try:
        body = json.loads(line)
    except ValueError:
        return ""
    return str(body.get("request_id", "")) if isinstance(body, dict) else ""
