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


_START = re.compile(
    r"""(?P<head>\bstart(?:\s+program)?\s*=?\s*)(?P<quote>["'])(?P<command>[^"'\n]*)(?P=quote)""", re.IGNORECASE
)


def detached(text: str, launcher: Path) -> str:
    """The file with every start program of a process given to ``launcher PIDFILE …``, which does not wait for it to end.

    The monit that releases were written for went on while a start program ran, so control scripts may become the process they start;
    monit 5.33 waits for it and does nothing else.
    """
    blocks = list(_PROCESS.finditer(text))
    if not blocks:
        return text
    ends = [block.start() for block in blocks[1:]] + [len(text)]
    parts = [text[: blocks[0].start()]]
    for block, end in zip(blocks, ends, strict=True):
        pidfile = block["value"].strip("\"'") if block["how"].lower() == "pidfile" else "-"
        start = rf"\g<head>\g<quote>{launcher} {pidfile} \g<command>\g<quote>"
        parts.append(_START.sub(start, text[block.start() : end]))
    return "".join(parts)
