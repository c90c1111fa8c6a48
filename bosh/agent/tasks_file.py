"""Tasks that outlive a restart of the agent (bosh-agent: agent/task/concrete_manager.go)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from bosh.system.files import write_atomically

log = logging.getLogger(__name__)


class TasksFile:
    """``tasks.json``: ``{task id: {"TaskID", "Method"}}``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> Mapping[str, str]:
        """Method by task id. A damaged file counts as empty: whoever waits is told that the task is unknown."""
        try:
            body = json.loads(self._path.read_bytes())
            return {task_id: str(task["Method"]) for task_id, task in body.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is damaged: %s", self._path, error)
            return {}

    def add(self, task_id: str, method: str) -> None:
        self._write({**self.all(), task_id: method})

    def remove(self, task_id: str) -> None:
        self._write({known: method for known, method in self.all().items() if known != task_id})

    def _write(self, tasks: Mapping[str, str]) -> None:
        body = {task_id: {"TaskID": task_id, "Method": method} for task_id, method in tasks.items()}
        write_atomically(self._path, json.dumps(body).encode())
