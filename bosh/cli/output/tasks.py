"""Show tasks' event lines as they come (format: bosh-cli ui/task/reporter.go, ui/task/event.go)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bosh.cli.output.live import Overall
from bosh.cli.output.ui import AnyUi


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def date(seconds: float) -> str:
    """Unix seconds as the original prints times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %e %H:%M:%S UTC %Y")


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def _elapsed(seconds: int) -> str:
    """``1h2m3s`` without what is nothing in front."""
    minutes, seconds = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"


def _step(event: dict[str, Any]) -> tuple[Any, ...]:
    """What the events of one step have in common."""
    return (event.get("stage"), tuple(event.get("tags") or ()), event.get("task"))


class TaskReporter:
    """Feed it one task after another; it prints what a person follows.

    Args:
        events: whether the output is event lines; other output is shown as it comes.
        heartbeat_s: how often to say that a silent task goes on, seconds; 0 for never.
    """

    def __init__(self, ui: AnyUi, *, events: bool = True, heartbeat_s: int = 0) -> None:
        self._ui, self._is_events = ui, events
        self._heartbeat_s, self._beat_at = heartbeat_s, float("-inf")
        self._any = False
        self.start(0, silently=True)

    def start(self, task_id: int, *, silently: bool = False) -> None:
        """A task is followed from here on."""
        self._id = task_id
        self._rest = ""
        self._first: dict[str, Any] | None = None
        self._last: dict[str, Any] = {}
        self._began: dict[tuple[Any, ...], int] = {}
        self._silent = True
        self._overall = Overall()
        if not silently:
            if self._any:
                self._ui.end("")
            self._any = True
            self._ui.begin(f"Task {task_id}")

    def feed(self, text: str) -> None:
        """A piece of output; event lines may be cut anywhere."""
        if not text:
            return
        if self._silent:
            self._ui.begin("\n")
            if not self._is_events:
                self._ui.begin("\n")
            self._silent = False
        if not self._is_events:
            self._ui.block(text)
            return
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line:
                self._show(json.loads(line))
        self._ui.live(self._overall.text())

    def beat(self, state: str, started_at: float, now: float) -> None:
        """The task is still in ``state``; said once an interval."""
        if not self._heartbeat_s or now - self._beat_at < self._heartbeat_s:
            return
        self._beat_at = now
        since = f" ({_elapsed(int(now - started_at))} elapsed)" if state != "queued" and started_at > 0 else ""
        self._ui.block(f"\nTask {self._id} | {_clock(now)} | ")
        self._ui.block(f"Task state: {state}{since}")

    def finished(self, state: str) -> None:
        """The task ended in this state."""
        if self._first:
            start, end = int(self._first["time"]), int(self._last["time"])
            self._ui.begin(
                f"\n\nTask {self._id} Started  {date(start)}\nTask {self._id} Finished {date(end)}"
                f"\nTask {self._id} Duration {_duration(end - start)}"
            )
        if self._silent:
            self._ui.end(f". {state.title()}")
        else:
            self._ui.begin(f"\nTask {self._id} {state}\n")

    def _show(self, event: dict[str, Any]) -> None:
        self._overall.see(event)
        again = bool(event.get("stage")) and self._last != {} and _step(self._last) == _step(event)
        event = {"time": 0, **event}
        took = _duration(int(event["time"]) - self._began.setdefault(_step(event), int(event["time"])))
        prefix = f"\nTask {self._id} | {_clock(int(event['time']))} | "
        if again:
            self._go_on(event, prefix, took)
        else:
            self._begin(event, prefix, took)
        self._first = self._first or event
        self._last = event

    def _go_on(self, event: dict[str, Any], prefix: str, took: str) -> None:
        """The step that was shown last."""
        state, data = event.get("state"), event.get("data") or {}
        if state == "in_progress":
            self._ui.block(prefix)
            self._ui.block(f"L {data.get('status', '')}: {event['task']}")
        elif state in {"finished", "failed"}:
            self._ui.block(f" ({took})")
            self._because(event)

    def _begin(self, event: dict[str, Any], prefix: str, took: str) -> None:
        """Another step, or none at all."""
        state, data = event.get("state"), event.get("data") or {}
        if event.get("type") in {"deprecation", "warning"}:
            self._ui.block(prefix)
            self._ui.error_block(f"{event['type'].title()}: {event.get('message', '')}")
        elif state:
            tags = ", ".join(event.get("tags") or [])
            headline = f"{event.get('stage', '')}{' ' + tags if tags else ''}: {event.get('task', '')}"
            self._ui.block(prefix)
            self._ui.block(f"{headline} ({took})" if state in {"finished", "failed"} else headline)
            if state == "in_progress":
                self._ui.block(prefix)
                self._ui.block(f"L {data.get('status', '')}: {event['task']}")
            self._because(event)
        elif event.get("error"):
            self._ui.block(prefix)
            self._ui.error_block(f"Error: {event['error'].get('message', '')}")

    def _because(self, event: dict[str, Any]) -> None:
        if event.get("state") == "failed":
            error = (event.get("data") or {}).get("error", "")
            self._ui.error_block(f"\n     {' ' * len(str(self._id))}            L Error: {error}")
