"""Gives lost instances new VMs by asking the director to scan and fix them (bosh-monitor: plugins/resurrector.rb)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from bosh.health.model import Alert, DeploymentUnwell, Saying
from bosh.health.plugins.contract import Options, World
from bosh.health.resurrection import Tracker

log = logging.getLogger(__name__)

REPEAT_S = 30.0
"""Between two requests for the same instances; the original asks once a minute, at every analysis."""


class Resurrector:
    def __init__(self, tracker: Tracker, world: World) -> None:
        self._tracker, self._world = tracker, world
        self._asked: dict[tuple[str, frozenset[str]], float] = {}

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        if not isinstance(saying, DeploymentUnwell):
            return ()
        now = self._world.clock.now().timestamp()
        director = self._world.director
        verdict = self._tracker.judge(
            saying.deployment,
            saying.jobs,
            total=saying.total_instances,
            rules=await director.resurrection_rules(),
            now=now,
        )
        if verdict.state == "meltdown":
            text = f"Skipping resurrection for instances: {_names(saying.jobs)}; {verdict.summary}"
            return [self._alert(saying, 1, "We are in meltdown", text)]
        alerts = []
        if verdict.disabled:
            text = (
                f"Skipping resurrection for instances: {_names(verdict.disabled)}; {verdict.summary}"
                " because of resurrection config"
            )
            alerts.append(self._alert(saying, 1, "Resurrection is disabled by resurrection config", text))
        if verdict.jobs and await self._fix(saying.deployment, verdict.jobs):
            text = f"Notifying Director to scan instances: {_names(verdict.jobs)}; {verdict.summary}"
            alerts.append(self._alert(saying, 4, "Scan unresponsive VMs", text))
        return alerts

    async def _fix(self, deployment: str, jobs: Mapping[str, tuple[str, ...]]) -> bool:
        director = self._world.director
        if await director.resurrection_paused():
            log.info("resurrection is paused deployment=%s", deployment)
            return False
        if self._asked_lately(deployment, jobs):
            return False
        query = {"deployment": deployment, "state": "queued,processing", "verbose": 2}
        tasks = await director.call("GET", "/tasks", query=query)
        if any(task["description"] == "scan and fix" for task in tasks):
            log.info("scan and fix is under way already deployment=%s", deployment)
            return False
        body = json.dumps({"jobs": {job: list(ids) for job, ids in jobs.items()}}).encode()
        headers = {"Content-Type": "application/json"}
        await director.call("PUT", f"/deployments/{deployment}/scan_and_fix", body=body, headers=headers)
        return True

    def _asked_lately(self, deployment: str, jobs: Mapping[str, tuple[str, ...]]) -> bool:
        """A repair that did not help is not asked for again at once: the same losses wait a little."""
        now = self._world.clock.monotonic_s()
        self._asked = {key: at for key, at in self._asked.items() if now - at < REPEAT_S}
        key = (deployment, frozenset(instance_id for ids in jobs.values() for instance_id in ids))
        if key in self._asked:
            return True
        self._asked[key] = now
        return False

    def _alert(self, saying: DeploymentUnwell, severity: int, title: str, summary: str) -> Alert:
        return Alert(
            id=f"{saying.alert.id}-resurrector",
            severity=severity,
            title=title,
            summary=summary,
            created_at=int(self._world.clock.now().timestamp()),
            source="HM plugin resurrector",
            deployment=saying.deployment,
        )


def _names(jobs: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{job}/{instance_id}" for job, ids in jobs.items() for instance_id in ids)


def make(options: Options, world: World) -> Resurrector:
    """Options: ``minimum_down_jobs`` 5, ``percent_threshold`` 0.2, ``time_threshold`` 600 s."""
    tracker = Tracker(
        minimum_down_jobs=int(options.get("minimum_down_jobs", 5)),
        percent_threshold=float(options.get("percent_threshold", 0.2)),
        time_threshold_s=float(options.get("time_threshold", 600)),
    )
    return Resurrector(tracker, world)
