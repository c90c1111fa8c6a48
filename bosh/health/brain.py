"""The monitor's judgement: what is heard goes in, what to say comes out. No clock, no network.

    heartbeat ─┐
    alert     ─┤
    shutdown  ─┼→ Brain ─→ Alert · Heartbeat · DeploymentUnwell
    director  ─┤
    tick      ─┘

An agent that was never heard counts from the moment the director first named it. A deployment that a task works on is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bosh.health.model import (
    DEPLOYMENT_HEALTH,
    VM_HEALTH,
    Alert,
    DeploymentUnwell,
    DeploymentView,
    Heartbeat,
    InstanceView,
    Saying,
)

REPEAT_ALERT_S = 600
"""An outage is announced once, then at most this often: the original repeats it at every analysis and drowns its readers."""


@dataclass(frozen=True, slots=True)
class _Agent:
    id: str
    since: float
    """When it was last heard, or first expected."""
    discovered: float
    """When it was first heard of."""
    instance: InstanceView | None = None
    job_state: str = ""
    processes: int | None = None
    announced: float = -REPEAT_ALERT_S
    """When its silence was last announced."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Gauges of the HTTP endpoint, by deployment (bosh-monitor: instance_manager.rb)."""

    unresponsive: Mapping[str, int]
    unhealthy: Mapping[str, int]
    available: Mapping[str, int]
    failing: Mapping[str, int]
    stopped: Mapping[str, int]
    unknown: Mapping[str, int]


class Brain:
    """Agents, deployments, and when each was last heard of. Times are Unix seconds, given with every call."""

    def __init__(self, *, agent_timeout_s: float, rogue_agent_s: float) -> None:
        self._agent_timeout_s, self._rogue_agent_s = agent_timeout_s, rogue_agent_s
        self._deployments: dict[str, DeploymentView] = {}
        self._agents: dict[str, _Agent] = {}
        self._vmless_announced: dict[str, float] = {}
        self._sequence = 0

    # --- heard ----------------------------------------------------------------------------------------------------------

    def director_says(self, deployments: Sequence[DeploymentView], now: float) -> None:
        """The director's whole view; agents it does not name any more become rogue if they go on speaking."""
        self._deployments = {deployment.name: deployment for deployment in deployments}
        managed = {
            instance.agent_id: instance
            for deployment in deployments
            for instance in deployment.instances
            if instance.agent_id
        }
        for agent_id, instance in managed.items():
            known = self._agents.get(agent_id) or _Agent(agent_id, now, now)
            self._agents[agent_id] = replace(known, instance=instance)
        for agent_id, agent in list(self._agents.items()):
            if agent_id not in managed and agent.instance is not None:
                del self._agents[agent_id]

    def heartbeat(self, agent_id: str, body: Mapping[str, Any], now: float) -> list[Saying]:
        """An agent's heartbeat; handed on when the agent is managed."""
        known = self._agents.get(agent_id) or _Agent(agent_id, now, now)
        agent = replace(
            known,
            since=now,
            job_state=str(body.get("job_state") or ""),
            processes=body.get("number_of_processes"),
            announced=-REPEAT_ALERT_S,
        )
        self._agents[agent_id] = agent
        if agent.instance is None:
            return []
        deployment = self._deployments[agent.instance.deployment]
        where = agent.instance
        return [Heartbeat(agent_id, int(now), where.deployment, where.job, where.id, body, deployment.teams)]

    def alert(self, agent_id: str, body: Mapping[str, Any], now: float) -> list[Saying]:
        """An alert an agent sent; incomplete ones are refused by an alert about them."""
        agent = self._agents.get(agent_id)
        where = agent.instance if agent else None
        severity = body.get("severity")
        if not isinstance(severity, int) or severity < 0 or not body.get("title"):
            return [
                self._new(3, f"agent {agent_id} sent an alert without severity or title", now, source="health monitor")
            ]
        return [
            Alert(
                id=str(body.get("id") or self._next_id(now)),
                severity=severity,
                title=str(body["title"]),
                summary=str(body.get("summary") or ""),
                created_at=int(body.get("created_at") or now),
                source=str(body.get("source") or (where.name if where else f"agent {agent_id}")),
                deployment=where.deployment if where else "",
                job=where.job if where else "",
                instance_id=where.id if where else "",
            )
        ]

    def director_alert(self, body: Mapping[str, Any], now: float) -> list[Saying]:
        """An alert of the director itself; an incomplete one says nothing (bosh-monitor: director_monitor.rb)."""
        severity = body.get("severity")
        complete = all(body.get(key) for key in ("id", "title", "summary", "created_at"))
        if not isinstance(severity, int) or not complete:
            return []
        return [
            Alert(
                id=str(body["id"]),
                severity=severity,
                title=str(body["title"]),
                summary=str(body["summary"]),
                created_at=int(body["created_at"]),
                source=str(body.get("source") or "director"),
            )
        ]

    def shutdown(self, agent_id: str) -> None:
        """An agent says good-bye: forget it until the director names it again."""
        self._agents.pop(agent_id, None)

    # --- concluded ------------------------------------------------------------------------------------------------------

    def analyse_agents(self, now: float) -> list[Saying]:
        """Who has been silent too long, and who speaks without belonging anywhere."""
        said: list[Saying] = []
        for deployment in self._deployments.values():
            if not deployment.locked:
                silent = [agent for agent in self._members(deployment.name) if self._timed_out(agent, now)]
                said += self._announce_silent(silent, now)
                said += self._unwell(
                    deployment, [a.instance for a in silent if a.instance], "has instances with timed out agents", now
                )
        said += self._rogues(now)
        return said

    def analyse_instances(self, now: float) -> list[Saying]:
        """Which instances should have a VM and have none."""
        said: list[Saying] = []
        for deployment in self._deployments.values():
            if deployment.locked:
                continue
            vmless = [instance for instance in deployment.instances if instance.expects_vm and not instance.cid]
            for instance in vmless:
                if now - self._vmless_announced.get(instance.id, -REPEAT_ALERT_S) >= REPEAT_ALERT_S:
                    self._vmless_announced[instance.id] = now
                    said.append(self._about(instance, f"{instance.id} has no VM", now))
            said += self._unwell(deployment, vmless, "has instances which do not have VMs", now)
        return said

    def counts(self, now: float) -> Counts:
        """How many agents are how well."""

        def by_deployment(matches: Any) -> dict[str, int]:
            return {name: sum(1 for agent in self._members(name) if matches(agent)) for name in self._deployments}

        available = by_deployment(lambda agent: True)
        available["unmanaged"] = sum(1 for agent in self._agents.values() if agent.instance is None)
        return Counts(
            unresponsive=by_deployment(lambda agent: self._timed_out(agent, now)),
            unhealthy=by_deployment(lambda agent: agent.job_state == "running" and agent.processes == 0),
            available=available,
            failing=by_deployment(lambda agent: agent.job_state == "failing"),
            stopped=by_deployment(lambda agent: agent.job_state == "stopped"),
            unknown=by_deployment(lambda agent: not agent.job_state),
        )

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _members(self, deployment: str) -> Iterable[_Agent]:
        return [agent for agent in self._agents.values() if agent.instance and agent.instance.deployment == deployment]

    def _timed_out(self, agent: _Agent, now: float) -> bool:
        return now - agent.since > self._agent_timeout_s

    def _is_rogue(self, agent: _Agent, now: float) -> bool:
        """A fresh VM's agent speaks before the director's next answer names it: only time makes it a stranger."""
        return agent.instance is None and now - agent.discovered > self._rogue_agent_s

    def _announce_silent(self, silent: Iterable[_Agent], now: float) -> list[Saying]:
        said: list[Saying] = []
        for agent in silent:
            if agent.instance and now - agent.announced >= REPEAT_ALERT_S:
                self._agents[agent.id] = replace(agent, announced=now)
                said.append(self._about(agent.instance, f"{agent.id} has timed out", now))
        return said

    def _rogues(self, now: float) -> list[Saying]:
        said: list[Saying] = []
        for agent in [agent for agent in self._agents.values() if agent.instance is None]:
            if self._timed_out(agent, now):
                del self._agents[agent.id]
            elif self._is_rogue(agent, now) and now - agent.announced >= REPEAT_ALERT_S:
                self._agents[agent.id] = replace(agent, announced=now)
                said.append(
                    self._new(2, f"{agent.id} is not a part of any deployment", now, source=f"agent {agent.id}")
                )
        return said

    def _unwell(self, deployment: DeploymentView, who: Sequence[InstanceView], what: str, now: float) -> list[Saying]:
        if not who:
            return []
        jobs: dict[str, tuple[str, ...]] = {}
        for instance in who:
            jobs[instance.job] = (*jobs.get(instance.job, ()), instance.id)
        alert = self._new(2, f"{deployment.name} {what}", now, source=deployment.name)
        alert = replace(alert, category=DEPLOYMENT_HEALTH, deployment=deployment.name)
        return [DeploymentUnwell(deployment.name, jobs, len(deployment.instances), alert)]

    def _about(self, instance: InstanceView, title: str, now: float) -> Alert:
        alert = self._new(2, title, now, source=instance.name)
        return replace(
            alert, category=VM_HEALTH, deployment=instance.deployment, job=instance.job, instance_id=instance.id
        )

    def _new(self, severity: int, title: str, now: float, *, source: str) -> Alert:
        return Alert(self._next_id(now), severity, title, int(now), source=source)

    def _next_id(self, now: float) -> str:
        self._sequence += 1
        return f"{int(now)}-{self._sequence}"
