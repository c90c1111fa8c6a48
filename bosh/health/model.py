"""What the monitor hears and what it says.

Heard: heartbeats, alerts and shutdowns of agents, the director's view of its deployments, the passing of time. Said: ``Alert``,
``Heartbeat`` (to the plugins) and ``DeploymentUnwell`` (to the resurrector).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = {1: "alert", 2: "critical", 3: "error", 4: "warning"}
"""bosh: bosh-monitor events/alert.rb"""

VM_HEALTH = "vm_health"
DEPLOYMENT_HEALTH = "deployment_health"


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance as ``GET /deployments/D/instances`` tells it."""

    deployment: str
    job: str
    id: str
    index: int
    agent_id: str
    cid: str
    expects_vm: bool

    @property
    def name(self) -> str:
        return f"{self.deployment}: {self.job}({self.id}) [id={self.agent_id}, index={self.index}, cid={self.cid}]"


@dataclass(frozen=True, slots=True)
class DeploymentView:
    name: str
    instances: tuple[InstanceView, ...] = ()
    teams: tuple[str, ...] = ()
    locked: bool = False
    """A task works on it: its agents come and go, so nothing is concluded from silence."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person or a plugin should know. Times are Unix seconds."""

    id: str
    severity: int
    title: str
    created_at: int
    summary: str = ""
    source: str = ""
    category: str = ""
    deployment: str = ""
    job: str = ""
    instance_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """The original's form (bosh-monitor events/alert.rb)."""
        return {
            "kind": "alert",
            "id": self.id,
            "severity": self.severity,
            "category": self.category or None,
            "title": self.title,
            "summary": self.summary or self.title,
            "source": self.source,
            "deployment": self.deployment or None,
            "created_at": self.created_at,
        }

    def __str__(self) -> str:
        return f"severity {SEVERITIES.get(self.severity, self.severity)}: {self.source} {self.summary or self.title}"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A managed agent's heartbeat, completed with what the director knows of it."""

    agent_id: str
    timestamp: int
    deployment: str
    job: str
    instance_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    """As received: ``job_state``, ``vitals``, ``number_of_processes``."""
    teams: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "heartbeat",
            "id": f"{self.agent_id}-{self.timestamp}",
            "timestamp": self.timestamp,
            "deployment": self.deployment,
            "agent_id": self.agent_id,
            "job": self.job,
            "index": str(self.body.get("index", "")),
            "instance_id": self.instance_id,
            "job_state": self.body.get("job_state", ""),
            "vitals": self.body.get("vitals") or {},
            "teams": list(self.teams),
            "metrics": [
                {
                    "name": name,
                    "value": value,
                    "timestamp": self.timestamp,
                    "tags": {"job": self.job, "id": self.instance_id},
                }
                for name, value in metrics(self.body).items()
            ],
        }


@dataclass(frozen=True, slots=True)
class DeploymentUnwell:
    """Instances of one deployment that need a new VM: the resurrector decides whether they get one."""

    deployment: str
    jobs: Mapping[str, tuple[str, ...]]
    """Instance group → instance ids."""
    total_instances: int
    alert: Alert


Saying = Alert | Heartbeat | DeploymentUnwell


def metrics(body: Mapping[str, Any]) -> dict[str, str]:
    """A heartbeat's vitals as flat ``system.…`` values (bosh-monitor events/heartbeat.rb)."""
    vitals = body.get("vitals") or {}
    found: dict[str, str] = {}
    load = vitals.get("load") or []
    if load:
        found["system.load.1m"] = str(load[0])
    for part, keys in {"cpu": ("user", "sys", "wait"), "mem": ("percent", "kb"), "swap": ("percent", "kb")}.items():
        for key in keys:
            if key in (vitals.get(part) or {}):
                found[f"system.{part}.{key}"] = str(vitals[part][key])
    for disk in ("system", "ephemeral", "persistent"):
        for key in ("percent", "inode_percent"):
            if key in ((vitals.get("disk") or {}).get(disk) or {}):
                found[f"system.disk.{disk}.{key}"] = str(vitals["disk"][disk][key])
    found["system.healthy"] = "1" if body.get("job_state") == "running" else "0"
    return found
