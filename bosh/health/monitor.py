"""Wires brain, bus, director and plugins: what is heard goes to the brain, what it says goes to the plugins."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bosh.clients.director import DirectorError, Unreachable
from bosh.health.brain import Brain, Counts
from bosh.health.config import Intervals
from bosh.health.model import Alert, DeploymentView, Heartbeat, Saying
from bosh.health.plugins.contract import Plugin
from bosh.system.clock import Clock
from bosh.wire import subjects

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
"""Sayings waiting for slow plugins; older ones are dropped and counted rather than filling the memory."""


class DeploymentSource(Protocol):
    async def deployments(self) -> Sequence[DeploymentView]: ...


class Monitor:
    """One monitor. ``plugins`` are (plugin, kinds it wants)."""

    def __init__(
        self,
        *,
        intervals: Intervals,
        director: DeploymentSource,
        plugins: Sequence[tuple[Plugin, frozenset[str]]],
        clock: Clock,
    ) -> None:
        self._intervals, self._director, self._plugins, self._clock = intervals, director, plugins, clock
        self._brain = Brain(agent_timeout_s=intervals.agent_timeout, rogue_agent_s=intervals.rogue_agent_alert)
        self._waiting: deque[Saying] = deque(maxlen=MAX_WAITING)
        self._more = asyncio.Event()
        self._dropped = 0
        self._synced = False

    # --- heard ----------------------------------------------------------------------------------------------------------

    def message(self, subject: str, payload: bytes) -> None:
        """A message of ``hm.agent.{heartbeat,alert,shutdown}.<agent id>``, or ``hm.director.alert``."""
        try:
            body = json.loads(payload) if payload else {}
        except ValueError:
            log.warning("cannot read message subject=%s bytes=%d", subject, len(payload))
            return
        if not isinstance(body, Mapping):
            body = {}
        now = self._now()
        if subject == subjects.DIRECTOR_ALERT:
            self._say(self._brain.director_alert(body, now))
            return
        _, _, kind, agent_id = subject.split(".", 3)
        if kind == "heartbeat":
            self._say(self._brain.heartbeat(agent_id, body, now))
        elif kind == "alert":
            self._say(self._brain.alert(agent_id, body, now))
        else:
            self._brain.shutdown(agent_id)

    async def poll_director(self) -> None:
        """Ask the director once; a director that does not answer changes nothing."""
        try:
            views = await self._director.deployments()
        except (DirectorError, Unreachable) as error:
            log.warning("cannot ask the director error=%s", error)
            return
        self._brain.director_says(views, self._now())
        self._synced = True

    def analyse_agents(self) -> None:
        if self._synced:
            self._say(self._brain.analyse_agents(self._now()))

    def analyse_instances(self) -> None:
        if self._synced:
            self._say(self._brain.analyse_instances(self._now()))

    def counts(self) -> Counts:
        return self._brain.counts(self._now())

    # --- said -----------------------------------------------------------------------------------------------------------

    async def speak(self) -> None:
        """Hand everything waiting to the plugins, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self.hand_on(self._waiting.popleft())

    async def hand_on(self, saying: Saying) -> None:
        """One saying to every plugin that wants it, and what they say about it."""
        kind = "heartbeat" if isinstance(saying, Heartbeat) else "alert"
        for plugin, wanted in self._plugins:
            if kind in wanted:
                self._say(await self._heard_by(plugin, saying))

    async def _heard_by(self, plugin: Plugin, saying: Saying) -> Sequence[Alert]:
        try:
            return await plugin.hear(saying)
        except Exception as error:  # noqa: BLE001 - one plugin's trouble is not the others'
            log.error("plugin failed plugin=%s error=%s", type(plugin).__name__, error)
            return ()

    def _say(self, sayings: Sequence[Saying]) -> None:
        for saying in sayings:
            if isinstance(saying, Heartbeat) and not self._wants_heartbeats:
                continue
            if len(self._waiting) == MAX_WAITING:
                self._dropped += 1
                log.error("plugins are too slow dropped=%d", self._dropped)
            self._waiting.append(saying)
            self._more.set()

    @property
    def _wants_heartbeats(self) -> bool:
        return any("heartbeat" in wanted for _, wanted in self._plugins)

    # --- time -----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll and analyse at the configured intervals, until cancelled."""
        intervals = self._intervals

        async def analyse_agents() -> None:
            self.analyse_agents()

        async def analyse_instances() -> None:
            self.analyse_instances()

        async with asyncio.TaskGroup() as group:
            group.create_task(self.speak())
            group.create_task(self._every(intervals.poll_director, self.poll_director))
            group.create_task(self._every(intervals.analyze_agents, analyse_agents))
            group.create_task(self._every(intervals.analyze_instances, analyse_instances))

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await act()
            await self._clock.sleep_s(seconds)

    def _now(self) -> float:
        return self._clock.now().timestamp()
