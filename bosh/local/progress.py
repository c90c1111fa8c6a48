"""What ``bosh up`` and ``bosh down`` tell the person meanwhile: whole lines on stderr, so that stdout stays for results."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_WORTH_TELLING_S = 1.0
"""A step that took less needs no second line."""


class Progress:
    """Steps as lines, each with the time since the start."""

    def __init__(
        self, *, stream: TextIO | None = None, monotonic_s: Callable[[], float] = time.monotonic, depth: int = 0
    ) -> None:
        self._stream = stream or sys.stderr
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._depth = depth

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; what is said within is set off from its title. After a failure the error itself is shown at the edge."""
        began_s = self._monotonic_s()
        self.say(title)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        took_s = self._monotonic_s() - began_s
        if took_s >= _WORTH_TELLING_S:
            self.say(f"{title}: done in {took_s:.1f} s")

    def say(self, text: str) -> None:
        """A line."""
        since_s = self._monotonic_s() - self._started_s
        self._stream.write(f"[{since_s:6.1f} s] {'  ' * self._depth}{text}\n")
        self._stream.flush()


class TaskLines:
    """A director's task as lines: what begins, what took its time, what went wrong. Fed with event output, cut anywhere."""

    _PREPARATION = frozenset({"Preparing deployment", "Preparing package compilation"})

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = ""
        self._began: dict[str, int] = {}
        self.changed = False
        """Whether the task did more than look."""

    def feed(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line:
                self._show(json.loads(line))

    def _show(self, event: dict[str, Any]) -> None:
        if event.get("type") in {"deprecation", "warning"}:
            self._say(f"{event['type'].title()}: {event.get('message', '')}")
        elif event.get("error"):
            self._say(f"Error: {event['error'].get('message', '')}")
        elif event.get("state"):
            self._show_stage(event)

    def _show_stage(self, event: dict[str, Any]) -> None:
        tags = ", ".join(event.get("tags") or [])
        stage = " ".join(part for part in (event["stage"], tags) if part)
        title = stage if stage == event["task"] else f"{stage}: {event['task']}"
        self.changed |= event["stage"] not in self._PREPARATION
        now_s = int(event["time"])
        match event["state"]:
            case "started":
                self._began[title] = now_s
                self._say(title)
            case "failed":
                self._say(f"{title}: failed: {(event.get('data') or {}).get('error', '')}")
            case "finished":
                took_s = now_s - self._began.pop(title, now_s)
                if took_s > _WORTH_TELLING_S:
                    self._say(f"{title}: done in {took_s} s")
