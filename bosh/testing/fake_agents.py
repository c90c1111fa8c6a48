"""Agents without a bus: the ``Agents`` contract over ``FakeAgent`` objects in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.testing.fake_agent import AgentFailure, Behaviour, FakeAgent
from bosh.wire.agent_settings import Settings
from bosh.wire.errors import RpcRemoteException, RpcTimeout


class FakeAgents:
    """All agents of a fake cloud. ``calls`` has every request in order as (agent id, method, arguments)."""

    def __init__(self, *, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids
        self.agents: dict[str, FakeAgent] = {}
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.alerts: list[Mapping[str, Any]] = []
        """What the director told its monitor."""
        self.behaviour = Behaviour()
        """Of agents still to come."""

    def boot(self, settings: Mapping[str, Any]) -> FakeAgent:
        """A VM with these settings starts; its agent answers from now on."""
        agent = FakeAgent(Settings.from_json(settings), self._clock, self._ids, behaviour=self.behaviour)
        self.agents[agent.id] = agent
        return agent

    def kill(self, agent_id: str) -> None:
        """Its VM is gone."""
        self.agents.pop(agent_id, None)

    async def call(self, agent_id: str, method: str, *arguments: Any, timeout_s: float = 45.0) -> Any:
        """Raises RpcTimeout, RpcRemoteException."""
        return await self._ask(agent_id, method, arguments, timeout_s, to_end=False)

    async def run(self, agent_id: str, method: str, *arguments: Any) -> Any:
        """Raises RpcTimeout, RpcRemoteException."""
        return await self._ask(agent_id, method, arguments, 45.0, to_end=True)

    async def wait_until_ready(self, agent_id: str, *, timeout_s: float) -> None:
        """Raises RpcTimeout."""
        await self.call(agent_id, "ping", timeout_s=timeout_s)

    async def alert(self, alert: Mapping[str, Any]) -> None:
        self.alerts.append(alert)

    async def _ask(
        self, agent_id: str, method: str, arguments: tuple[Any, ...], timeout_s: float, *, to_end: bool
    ) -> Any:
        self.calls.append((agent_id, method, arguments))
        await asyncio.sleep(0)
        agent = self.agents.get(agent_id)
        if agent is None or agent.behaviour.unresponsive:
            await self._clock.sleep_s(timeout_s)
            raise RpcTimeout(f"Timed out sending '{method}' to agent-id: '{agent_id}' after {timeout_s:g} seconds")
        try:
            return agent.run_to_end(method, arguments) if to_end else agent.handle(method, arguments)
        except AgentFailure as error:
            raise RpcRemoteException(
                f"Agent '{agent_id}' answered '{method}' with an error", details=str(error)
            ) from error
