"""Calls that make something in a cloud, kept on disk until what they made is remembered.

A worker may die while a CPI makes a VM or a disk. The CPI's program goes on, and its answer, the new thing's name, must reach somebody:
so the answer goes to a file beside an entry that says who asked and which process answers. ``bosh.director.tasks.lost`` reads them.

An entry holds no argument but the one by which the row that waits for the name is found: arguments have secrets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_KEYS: Final = {"create_vm": 0, "create_disk": 2, "snapshot_disk": 0, "create_stemcell": None}
"""Methods that make something, and which of their arguments says for whom: the agent's id, the VM's cid, the disk's cid."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one with the same number by its start."""

    pid: int
    started: int
    """In clock ticks since boot (proc(5): /proc/PID/stat, field 22)."""

    @classmethod
    def of(cls, pid: int) -> Process:
        """Raises OSError when there is no such process."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return int(fields[19]) == self.started and fields[0] != "Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """One call."""

    path: Path
    method: str
    cpi: str
    key: str
    worker: Process
    program: Process

    @property
    def answer_file(self) -> Path:
        return self.path.with_suffix(".answer")

    @property
    def answer(self) -> bytes:
        """What the CPI answered; empty when it did not."""
        try:
            return self.answer_file.read_bytes()
        except FileNotFoundError:
            return b""

    def forget(self) -> None:
        _forget(self.path)


def _forget(path: Path) -> None:
    for suffix in (".json", ".answer", ".stderr"):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _write(path: Path, body: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(body))
    draft.replace(path)


class Journal:
    """All entries of one director; each worker writes its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: dict[Path, Pending] = {}
        self._answered: list[Path] = []

    def begin(self, method: str, arguments: Sequence[Any], cpi: str) -> Pending | None:
        """An entry to be, for a method that makes something; None for others."""
        if method not in _KEYS:
            return None
        position = _KEYS[method]
        key = str(arguments[position] or "") if position is not None and len(arguments) > position else ""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{os.urandom(8).hex()}.json"
        pending = self._asked[path] = Pending(path, method, cpi, key)
        return pending

    def answered(self, entry: Pending) -> None:
        """Whoever asked has the answer, and remembers it before its task ends."""
        del self._asked[entry.path]
        self._answered.append(entry.path)

    def task_ended(self) -> None:
        """Forget what was answered; what nobody waits for any more is lost."""
        for path in self._answered:
            _forget(path)
        for path in self._asked:
            with suppress(FileNotFoundError):
                body = json.loads(path.read_bytes())
                _write(path, {**body, "worker": asdict(Process(0, 0))})
        self._answered, self._asked = [], {}

    def sweep(self) -> None:
        """Remove what belongs to no entry; for a moment at which no worker lives."""
        entries = {path.stem for path in self._folder.glob("*.json")}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.stem not in entries:
                path.unlink(missing_ok=True)

    def lost(self) -> Iterator[Entry]:
        """Entries whose worker is dead."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(
                FileNotFoundError, ValueError
            ):  # just forgotten by another task; cut short by a power failure
                body = json.loads(path.read_bytes())
                worker, program = Process(**body.pop("worker")), Process(**body.pop("program"))
                if not worker.alive:
                    yield Entry(path, **body, worker=worker, program=program)


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry whose program is not running yet."""

    path: Path
    method: str
    cpi: str
    key: str

    @property
    def answer_file(self) -> Path:
        return self.path.with_suffix(".answer")

    @property
    def stderr_file(self) -> Path:
        return self.path.with_suffix(".stderr")

    def write(self, program_pid: int) -> None:
        """Note it, before the program is asked."""
        body = {
            "method": self.method,
            "cpi": self.cpi,
            "key": self.key,
            "worker": asdict(Process.of(os.getpid())),
            "program": asdict(Process.of(program_pid)),
        }
        _write(self.path, body)
