"""Lines of a task's ``event`` output (bosh: event_log.rb; read by bosh-cli: ui/task/reporter.go).

One JSON object per line and nothing else: the original CLI fails on a line that is not JSON. It groups by (stage, tags, task).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

STARTED, IN_PROGRESS, FINISHED, FAILED = "started", "in_progress", "finished", "failed"


def _line(body: dict[str, object]) -> str:
    return json.dumps(body, separators=(",", ":")) + "\n"


def step(
    *,
    time: int,
    stage: str,
    task: str,
    state: str,
    index: int = 1,
    total: int = 1,
    tags: Sequence[str] = (),
    progress: int | None = None,
    status: str = "",
    error: str = "",
) -> str:
    """One state of one step. ``progress`` is percent; by default 0 until finished or failed."""
    done = 100 if state in {FINISHED, FAILED} else 0
    body: dict[str, object] = {
        "time": time,
        "stage": stage,
        "tags": list(tags),
        "total": total,
        "task": task,
        "index": index,
        "state": state,
        "progress": done if progress is None else progress,
    }
    if error:
        body["data"] = {"error": error}
    elif status:
        body["data"] = {"status": status}
    return _line(body)


def notice(*, time: int, kind: str, message: str) -> str:
    """A ``warning`` or ``deprecation`` line."""
    return _line({"time": time, "type": kind, "message": message})


def failure(*, time: int, code: int, message: str) -> str:
    """The last line of a task that failed."""
    return _line({"time": time, "error": {"code": code, "message": message}})
