"""monit's status as XML (bosh-agent: jobsupervisor/monit/status.go; monit 5.2 and 5.33 agree on ``/_status2?format=xml``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.parsers import expat

from bosh.wire.errors import BoshError
from bosh.wire.heartbeat import FAILING, RUNNING, STARTING, STOPPED, UNKNOWN, Process


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    monitored: int = 0
    """0 no, 1 yes, 2 being started."""
    status: int = 0
    """Bits of what fails, 0 when all is well."""
    status_message: str = ""
    pending: int = 0
    """A start or stop is asked for and not done."""
    uptime_s: int = 0
    memory_kb: int = 0
    memory_percent: float = 0.0
    cpu_percent: float = 0.0

    @property
    def state(self) -> str:
        if self.monitored == 0:
            return UNKNOWN
        if self.monitored == 2:
            return STARTING
        return RUNNING if self.status == 0 else FAILING

    @property
    def errored(self) -> bool:
        return self.status > 0 and bool(self.status_message)

    def to_process(self) -> Process:
        return Process(self.name, self.state, self.uptime_s, self.memory_kb, self.memory_percent, self.cpu_percent)


@dataclass(frozen=True, slots=True)
class MonitStatus:
    incarnation: str
    """Second of the last (re)start: another one means that the files were read anew."""
    services: tuple[Service, ...]
    """Those of group ``vcap``: the jobs."""


def job_state(services: Sequence[Service], *, stopped: bool) -> str:
    """Of all jobs together (monit_job_supervisor.go Status)."""
    if stopped:
        return STOPPED
    states = [service.state for service in services]
    if STARTING in states:
        return STARTING
    return RUNNING if all(state == RUNNING for state in states) else FAILING


def parse(document: bytes, group: str = "vcap") -> MonitStatus:
    """Raises BoshError when it is not monit's status."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)  # noqa: FBT003
    except expat.ExpatError as error:
        raise BoshError("Unmarshalling Monit status", details=str(error)) from error
    if reader.incarnation is None:
        raise BoshError("Unmarshalling Monit status", details="there is no incarnation")
    members = reader.groups.get(group, set())
    services = tuple(_service(found) for found in reader.services if found["name"] in members)
    return MonitStatus(reader.incarnation, services)


class _Reader:
    """Keeps the texts of interest by their path below a service."""

    def __init__(self) -> None:
        self.incarnation: str | None = None
        self.services: list[dict[str, str]] = []
        self.groups: dict[str, set[str]] = {}
        self._path: list[str] = []
        self._group = ""
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._text = ""
        if tag == "monit":
            self.incarnation = attributes.get("incarnation")
        elif self._path[1:] == ["services", "service"]:
            self.services.append({"name": attributes.get("name", "")})
        elif tag == "servicegroup":
            self._group = attributes.get("name", "")
            self.groups.setdefault(self._group, set())

    def text(self, text: str) -> None:
        self._text += text

    def end(self, tag: str) -> None:
        if self._path[1:3] == ["services", "service"] and len(self._path) > 3:
            self.services[-1].setdefault("/".join(self._path[3:]), self._text)
        elif tag == "service" and self._path[1:2] == ["servicegroups"]:
            self.groups[self._group].add(self._text.strip())
        self._path.pop()
        self._text = ""


def _service(found: dict[str, str]) -> Service:
    def number(key: str) -> float:
        try:
            return float(found.get(key) or 0)
        except ValueError:
            return 0.0

    return Service(
        name=found["name"],
        monitored=int(number("monitor")),
        status=int(number("status")),
        status_message=found.get("status_message", ""),
        pending=int(number("pendingaction")),
        uptime_s=max(0, int(number("uptime"))),
        memory_kb=int(number("memory/kilobytetotal")),
        memory_percent=number("memory/percenttotal"),
        cpu_percent=max(0.0, number("cpu/percenttotal")),
    )
