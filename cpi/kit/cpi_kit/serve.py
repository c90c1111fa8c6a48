"""The long-lived mode: many calls, one process, so that imports and connections are paid for once.

A line in is a request, a line out is a response, in the order in which calls finish. The end of stdin lets running calls finish. A request
whose context has an ``answer_file`` is answered there as well, first: its director may die before it has read the line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import BinaryIO

from cpi_kit.files import write_whole
from cpi_kit.output import Writable, write_all


class _LineWriter:
    """Whole lines from many threads; a reader that has gone away is not an error of the call that noticed."""

    def __init__(self, out: Writable) -> None:
        self._out = out
        self._lock = Lock()
        self.broken = False

    def write(self, line: bytes) -> None:
        with self._lock:
            if self.broken:
                return
            try:
                write_all(self._out, line)
            except BrokenPipeError:
                self.broken = True


def serve(answer: Callable[[bytes], bytes], requests: BinaryIO, responses: Writable, *, threads: int) -> None:
    """Answer until ``requests`` ends or nobody reads ``responses``; at most ``threads`` calls at a time, further lines wait unread."""
    writer = _LineWriter(responses)
    free = BoundedSemaphore(threads)

    def work(line: bytes) -> None:
        try:
            response = answer(line)
            if path := _answer_file(line):
                write_whole(path, response)
            writer.write(response)
        finally:
            free.release()

    with ThreadPoolExecutor(threads, thread_name_prefix="cpi-call") as pool:
        for line in requests:
            if writer.broken:
                break
            if line.strip():
                free.acquire()
                pool.submit(work, line)


def _answer_file(line: bytes) -> Path | None:
    if b'"answer_file"' not in line:
        return None
    try:
        named = json.loads(line)["context"]["answer_file"]
    except (ValueError, KeyError, TypeError):
        return None  # the answer says what is wrong with the request
    return Path(named) if isinstance(named, str) else None
