"""Show a task's event lines as they come (format: bosh-cli ui/task/reporter.go)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bosh.cli.output.ui import AnyUi


def _clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %e %H:%M:%S UTC %Y")


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def _step(event: dict[str, Any]) -> tuple[Any, ...]:
    """What the events of one step have in common."""
    return (event.get("stage"), tuple(event.get("tags") or ()), event.get("task"))


class TaskReporter:
    """Feed it chunks of event output; it prints what a person follows."""

    def __init__(self, ui: AnyUi, task_id: int, *, events: bool = True) -> None:
        self._ui, self._id, self._is_events = ui, task_id, events
        self._rest = ""
        self._first: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None
        self._began: dict[tuple[Any, ...], int] = {}
        self._silent = True
        ui.begin(f"Task {task_id}")

    def feed(self, text: str) -> None:
        """A piece of output; event lines may be cut anywhere."""
        if not text:
            return
        if self._silent:
            self._ui.begin("\n" if self._is_events else "\n\n")
            self._silent = False
        if not self._is_events:
            self._ui.block(text)
            return
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line:
                self._show(json.loads(line))

    def finished(self, state: str) -> None:
        """The task ended in this state."""
        if self._first and self._last:
            start, end = int(self._first["time"]), int(self._last["time"])
            self._ui.begin(
                f"\n\nTask {self._id} Started  {_date(start)}\nTask {self._id} Finished {_date(end)}"
                f"\nTask {self._id} Duration {_duration(end - start)}"
            )
        if self._silent:
            self._ui.line(f". {state.title()}")
        else:
            self._ui.begin(f"\nTask {self._id} {state}\n")

    def _show(self, event: dict[str, Any]) -> None:
        prefix = f"\nTask {self._id} | {_clock(int(event.get('time', 0)))} | "
        if event.get("type") in {"deprecation", "warning"}:
            self._ui.block(prefix)
            self._ui.error_block(f"{event['type'].title()}: {event.get('message', '')}")
        elif event.get("error"):
            self._ui.block("\n" + prefix)
            self._ui.error_block(f"Error: {event['error'].get('message', '')}")
        elif event.get("state"):
            self._show_step(event, prefix)
        if event.get("stage") or event.get("error"):
            self._first, self._last = self._first or event, event
            self._began.setdefault(_step(event), int(event.get("time", 0)))

    def _show_step(self, event: dict[str, Any], prefix: str) -> None:
        state = event["state"]
        again = self._last is not None and _step(self._last) == _step(event)
        took = _duration(int(event["time"]) - self._began.get(_step(event), int(event["time"])))
        data = event.get("data") or {}
        description = " ".join(part for part in (event["stage"], ", ".join(event.get("tags") or [])) if part)
        headline = f"{prefix}{description}: {event['task']}"
        if state == "in_progress":
            self._ui.block(("" if again else headline) + f"{prefix}L {data.get('status', '')}: {event['task']}")
        elif state == "started":
            if not again:
                self._ui.block(headline)
        else:
            self._ui.block(f" ({took})" if again else f"{headline} ({took})")
            if state == "failed":
                self._ui.error_block(f"\n     {' ' * len(str(self._id))}            L Error: {data.get('error', '')}")
