"""Processes in a container, as Garden's HTTP interface runs and streams them.

RUN is answered with 201 and ATTACH with 200; from there on the connection is a stream of ProcessPayload objects, one JSON value after
another, in both directions. The first from the server names process and stream; stdout and stderr then arrive raw, each on its own
connection (STDOUT, STDERR). The client sends stdin, a new window size, or a signal; a source without data ends stdin. The last payload
of the server carries the exit status or an error.

Sources: garden container.go, transport/payload.go, client/connection/connection.go, server/request_handling.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .garden import BindMount, CPULimits, ImageRef, MemoryLimits
from .plain import Wire

RUN = ("POST", "/containers/{handle}/processes")
ATTACH = ("GET", "/containers/{handle}/processes/{pid}")
STDOUT = ("GET", "/containers/{handle}/processes/{pid}/attaches/{streamid}/stdout")
STDERR = ("GET", "/containers/{handle}/processes/{pid}/attaches/{streamid}/stderr")

STDIN_SOURCE, STDOUT_SOURCE, STDERR_SOURCE = range(3)
TERMINATE, KILL = 0, 1

_OMIT = Wire(omit_empty=True)


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Of a terminal, in characters."""

    columns: int = 0
    rows: int = 0

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class TTYSpec:
    """Asks for a terminal."""

    window_size: WindowSize | None = None

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """rlimits by their names in getrlimit(2); None leaves one alone."""

    as_: int | None = None
    core: int | None = None
    cpu: int | None = None
    data: int | None = None
    fsize: int | None = None
    locks: int | None = None
    memlock: int | None = None
    msgqueue: int | None = None
    nice: int | None = None
    nofile: int | None = None
    nproc: int | None = None
    rss: int | None = None
    rtprio: int | None = None
    sigpending: int | None = None
    stack: int | None = None

    WIRE: ClassVar[Wire] = Wire({"as_": "as"}, omit_empty=True)


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of one process in place of its container's."""

    cpu_limits: CPULimits = field(default_factory=CPULimits)
    memory_limits: MemoryLimits = field(default_factory=MemoryLimits)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """The body of RUN. With an image, the process gets a filesystem of its own."""

    id: str = ""
    path: str = ""
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    dir: str = ""
    user: str = ""
    rlimits: ResourceLimits = field(default_factory=ResourceLimits)
    limits: ProcessLimits | None = None
    tty: TTYSpec | None = None
    image: ImageRef = field(default_factory=ImageRef)
    bind_mounts: tuple[BindMount, ...] = ()

    WIRE: ClassVar[Wire] = _OMIT


@dataclass(frozen=True, slots=True)
class ProcessPayload:
    """One JSON value on a process's connection."""

    process_id: str = ""
    stream_id: str = ""
    source: int | None = None
    data: str | None = None
    exit_status: int | None = None
    error: str | None = None
    tty: TTYSpec | None = None
    signal: int | None = None

    WIRE: ClassVar[Wire] = _OMIT
