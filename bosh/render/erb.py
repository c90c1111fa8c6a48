"""ERB through long-lived ``ruby`` processes: templates are compiled once per job and rendered for many instances.

One process answers requests in order, so what it is to do is written ahead of the answers. A process that dies or hangs is replaced;
the job it was busy with is tried again alone, and fails if it takes the process down once more.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bosh.render.model import JobTemplates
from bosh.wire.errors import SystemFailure

_log = logging.getLogger(__name__)

_DRIVER = Path(__file__).with_name("erb_driver.rb")
_RUBY_FLAGS = ("--disable=did_you_mean,error_highlight,rubyopt", "-EUTF-8:", "-W0")
_REPLY_BYTES_MAX = 1 << 28
"""A line longer than this ends the process: no job renders to a quarter of a gigabyte."""
_STDERR_LINES = 20
_IN_FLIGHT = 64
"""Requests written ahead of their answers: enough to keep ruby busy, few enough that their text does not pile up."""
_GRACE_S = 5.0
"""Added to the templates' own limit before the process is killed: the driver interrupts a slow template by itself."""


class RubyDied(Exception):
    """The ruby process ended, or was ended, while it was busy; the text says what it last said."""


@dataclass(frozen=True, slots=True)
class ErbResult:
    """One template's outcome: content, or where and why it failed (line 0: unknown)."""

    content: bytes | None = None
    line: int = 0
    message: str = ""


@dataclass(slots=True)
class _Asked:
    """A request on its way: where its answer goes, and how long it may take once those before it are done."""

    answer: asyncio.Future[dict[str, Any]]
    limit_s: float


@dataclass(slots=True)
class _Process:
    """A running ruby and what it has been asked."""

    child: asyncio.subprocess.Process
    waiting: deque[_Asked] = field(default_factory=deque)
    loaded: set[str] = field(default_factory=set)
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_STDERR_LINES))
    readers: list[asyncio.Task[None]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    ended_because: str = ""

    @property
    def alive(self) -> bool:
        return self.child.returncode is None and not self.ended_because

    def kill(self, reason: str) -> None:
        """Once only: signalling a child that is gone already would take its exit status from whoever waits for it."""
        if self.alive:
            self.ended_because = reason
            with contextlib.suppress(ProcessLookupError):
                self.child.kill()

    def ask(self, asked: _Asked) -> None:
        self.waiting.append(asked)
        if len(self.waiting) == 1:
            self.watch()

    def answered(self, answer: dict[str, Any]) -> None:
        asked = self.waiting.popleft()
        self.watch()
        if not asked.answer.done():
            asked.answer.set_result(answer)

    def watch(self) -> None:
        """Give the request in front its time from now on."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = None
        if self.waiting:
            limit_s = self.waiting[0].limit_s
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(limit_s, self.kill, f"no answer in {limit_s:.0f} seconds")

    def fail_all(self) -> None:
        reason = self.last_words()
        while self.waiting:
            asked = self.waiting.popleft()
            if not asked.answer.done():
                asked.answer.set_exception(RubyDied(reason))
        self.watch()

    def last_words(self) -> str:
        said = "\n".join(self.said)
        reason = self.ended_because or f"the ruby process ended with status {self.child.returncode}"
        return f"{reason}: {said}" if said else reason


def _plain(value: Any) -> Any:
    """Maps and sequences that are not quite dict and list, for the encoder."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"cannot give a template a {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


class ErbProcess:
    """One ruby process, started when first needed.

    Args:
        ruby: the interpreter.
        template_limit_s: how long one template may take.
    """

    def __init__(self, *, ruby: str = "ruby", template_limit_s: float = 30.0) -> None:
        self._ruby = ruby
        self._limit_s = template_limit_s
        self._process: _Process | None = None
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def render(self, job: JobTemplates, spec: Mapping[str, Any], dns: Mapping[str, Any]) -> list[ErbResult]:
        """Render ``monit`` and all ERB templates of a job, in this order.

        Args:
            job: templates ending in ``.j2`` are left out.
            spec: what the templates see, ``properties`` and ``links`` of this job among it.
            dns: ``azs``, ``networks``, ``groups`` of the driver's protocol.

        Raises:
            RubyDied: the process ended before it answered.
        """
        async with self._slots:
            process = await self._running()
            key = job.fingerprint
            limit_s = self._limit_s * (1 + len(job.templates)) + _GRACE_S
            body = {"render": key, "limit_s": self._limit_s, "dns": dns, "spec": spec}
            for _ in range(2):
                if key not in process.loaded:
                    process.loaded.add(key)
                    _send(process, {"load": key, "job": job.name, "templates": _sources(job)}, limit_s)
                answer = await _send(process, body, limit_s)
                if "missing" not in answer:
                    return [_result(entry) for entry in answer["results"]]
                process.loaded.discard(key)
            raise RubyDied("the ruby process keeps forgetting compiled templates")

    async def stop(self) -> None:
        """End the process; the next ``render`` starts a new one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill("stopped")
            await asyncio.gather(*process.readers, return_exceptions=True)

    async def _running(self) -> _Process:
        async with self._starting:
            if self._process is None or not self._process.alive:
                self._process = await self._start()
            return self._process

    async def _start(self) -> _Process:
        try:
            child = await self._spawn()
        except OSError as error:
            raise SystemFailure(
                "cannot render ERB templates: ruby does not start",
                details=str(error),
                resolution="install ruby (Debian: apt install ruby)",
            ) from error
        process = _Process(child)
        process.readers = [
            asyncio.create_task(_read_answers(process), name="erb answers"),
            asyncio.create_task(_read_remarks(process), name="erb remarks"),
        ]
        return process

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._ruby,
            *_RUBY_FLAGS,
            str(_DRIVER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Templates are other people's programs: nothing of our environment is their business.
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            cwd="/",
            limit=_REPLY_BYTES_MAX,
        )


def _send(process: _Process, body: dict[str, Any], limit_s: float) -> asyncio.Future[dict[str, Any]]:
    future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    # Nobody awaits the answer to a load; its failure is that of the render behind it.
    future.add_done_callback(_seen)
    if not process.alive or process.child.stdin is None or process.child.stdin.is_closing():
        future.set_exception(RubyDied(process.last_words()))
        return future
    process.ask(_Asked(future, limit_s))
    process.child.stdin.write(_encoder.encode(body) + b"\n")
    return future


def _seen(future: asyncio.Future[dict[str, Any]]) -> None:
    if not future.cancelled():
        future.exception()


def _sources(job: JobTemplates) -> list[list[Any]]:
    pairs = [("monit", job.monit)]
    pairs += [(source, text) for source, (_, text) in job.templates.items() if not source.endswith(".j2")]
    return [_source(name, text) for name, text in pairs]


def _source(name: str, text: bytes) -> list[Any]:
    try:
        return [name, text.decode()]
    except UnicodeDecodeError:
        return [name, base64.b64encode(text).decode(), True]


def _result(entry: Mapping[str, Any]) -> ErbResult:
    if "text" in entry:
        return ErbResult(content=str(entry["text"]).encode())
    if "base64" in entry:
        return ErbResult(content=base64.b64decode(entry["base64"]))
    return ErbResult(line=int(entry["line"]), message=str(entry["message"]))


async def _read_answers(process: _Process) -> None:
    assert process.child.stdout is not None
    try:
        while line := await process.child.stdout.readline():
            process.answered(msgspec.json.decode(line))
    except (ValueError, IndexError, msgspec.DecodeError) as error:
        process.kill(f"unreadable answer: {error}")
    try:
        await asyncio.wait_for(process.child.wait(), _GRACE_S)
    except TimeoutError:
        process.kill("it closed its output")
        await process.child.wait()
    await asyncio.wait(process.readers[1:], timeout=_GRACE_S)
    process.fail_all()


async def _read_remarks(process: _Process) -> None:
    """What templates print goes to the debug log, never to the protocol."""
    assert process.child.stderr is not None
    while chunk := await process.child.stderr.read(1 << 16):
        for line in chunk.decode(errors="replace").splitlines():
            process.said.append(line)
            _log.debug("erb: %s", line)
