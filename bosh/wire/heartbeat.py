"""What agents tell the health monitor: heartbeats, alerts, shutdowns (bosh-agent: agent/heartbeat.go, platform/vitals/vitals.go, agent/alert).

Numbers inside vitals are texts; ``uptime.secs`` and the numbers of a process entry are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RUNNING, FAILING, STARTING, STOPPED, UNKNOWN = "running", "failing", "starting", "stopped", "unknown"


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a disk: percent of blocks and of inodes, whole numbers."""

    percent: int
    inode_percent: int


@dataclass(frozen=True, slots=True)
class Memory:
    used_kb: int
    percent: int


@dataclass(frozen=True, slots=True)
class Cpu:
    """Percent of all processors since the last reading."""

    user: float = 0.0
    system: float = 0.0
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Vitals:
    cpu: Cpu
    memory: Memory
    swap: Memory
    load: tuple[float, float, float]
    uptime_s: int
    disks: Mapping[str, Usage] = field(default_factory=dict)
    """By role: ``system``, ``ephemeral``, ``persistent``; a role without a mount of its own is absent."""

    def to_json(self) -> dict[str, Any]:
        return {
            "cpu": {"sys": f"{self.cpu.system:.1f}", "user": f"{self.cpu.user:.1f}", "wait": f"{self.cpu.wait:.1f}"},
            "disk": {role: _usage(usage) for role, usage in self.disks.items()},
            "load": [f"{value:.2f}" for value in self.load],
            "mem": _memory(self.memory),
            "swap": _memory(self.swap),
            "uptime": {"secs": self.uptime_s},
        }


def _usage(usage: Usage) -> dict[str, str]:
    return {"inode_percent": str(usage.inode_percent), "percent": str(usage.percent)}


def _memory(memory: Memory) -> dict[str, str]:
    return {"kb": str(memory.used_kb), "percent": str(memory.percent)}


@dataclass(frozen=True, slots=True)
class Process:
    """One supervised process (bosh-agent: jobsupervisor/job_supervisor_interface.go)."""

    name: str
    state: str
    uptime_s: int = 0
    memory_kb: int = 0
    memory_percent: float = 0.0
    cpu_percent: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Zero ``uptime.secs`` and ``mem.kb`` are left out, as the original does; percentages stay."""
        memory: dict[str, Any] = {"kb": self.memory_kb} if self.memory_kb else {}
        return {
            "name": self.name,
            "state": self.state,
            "uptime": {"secs": self.uptime_s} if self.uptime_s else {},
            "mem": memory | {"percent": self.memory_percent},
            "cpu": {"total": self.cpu_percent},
        }


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Payload of ``hm.agent.heartbeat.<agent id>``."""

    deployment: str
    job: str | None
    index: int | None
    job_state: str
    vitals: Mapping[str, Any]
    node_id: str
    number_of_processes: int | None

    def encode(self) -> bytes:
        body = {
            "deployment": self.deployment,
            "job": self.job,
            "index": self.index,
            "job_state": self.job_state,
            "vitals": dict(self.vitals),
            "node_id": self.node_id,
            "number_of_processes": self.number_of_processes,
        }
        return json.dumps(body, separators=(",", ":")).encode()


ALERT, CRITICAL, ERROR, WARNING, IGNORED = 1, 2, 3, 4, -1
"""Severities; an unknown event counts as critical, an ignored one is not sent (bosh-agent: agent/alert/alert.go)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Payload of ``hm.agent.alert.<agent id>``; ``created_at`` in Unix seconds."""

    id: str
    severity: int
    title: str
    summary: str
    created_at: int

    def encode(self) -> bytes:
        body = {
            "id": self.id,
            "severity": self.severity,
            "title": self.title,
            "summary": self.summary,
            "created_at": self.created_at,
        }
        return json.dumps(body, separators=(",", ":")).encode()


SHUTDOWN = b"null"
"""Payload of ``hm.agent.shutdown.<agent id>`` (bosh-agent: notification/notifier.go)."""


def processes_to_json(processes: Sequence[Process]) -> list[dict[str, Any]]:
    return [process.to_json() for process in processes]
