"""Reading jobs' monit files, as far as the agent has to."""

from __future__ import annotations

import re
from pathlib import Path

_PROCESS = re.compile(
    r"""^\s*check\s+process\s+(?P<name>"[^"]+"|\S+)   # its name
        (?:\s+with)?\s+(?P<how>pidfile|matching)\s+
        (?P<value>"[^"]+"|'[^']+'|\S+)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def processes(text: str) -> dict[str, Path | None]:
    """Pid file by name of each process that the file checks; None where it is found by its command line."""
    return {
        found["name"].strip('"'): Path(found["value"].strip("\"'")) if found["how"].lower() == "pidfile" else None
        for found in _PROCESS.finditer(text)
    }


def is_alive(pid_file: Path | None, proc: Path = Path("/proc")) -> bool:
    """Whether the process of a pid file exists; without a pid file it may, so it counts as existing."""
    if pid_file is None:
        return True
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return (proc / str(pid)).exists()
