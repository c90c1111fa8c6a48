"""The agents' client against a real nats-server and simulated agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from bosh.clients.agents import BusAgents, connect
from bosh.system.clock import SystemClock
from bosh.system.ids import SystemIds
from bosh.testing.fake_bus import Fleet, TestBus, nats_server_program, running_bus
from bosh.wire import subjects
from bosh.wire.errors import RpcRemoteException, RpcTimeout

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(nats_server_program() is None, reason="needs nats-server"),
]


@dataclass
class World:
    agents: BusAgents
    fleet: Fleet
    cloud: Path
    bus: TestBus
    lines: list[str] = field(default_factory=list)

    def boot(self, agent_id: str) -> None:
        directory = self.cloud / "vms" / f"vm-{agent_id}"
        directory.mkdir(parents=True)
        (directory / "settings.json").write_text(json.dumps({"agent_id": agent_id}))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, ids = SystemClock(), SystemIds()
    program = nats_server_program()
    assert program
    async with running_bus(tmp_path, program=program, now=clock.now()) as bus:
        fleet = Fleet(tmp_path / "cloud", clock=clock, ids=ids)
        agents = BusAgents(bus.nats, director_uuid=ids.uuid(), ids=ids, clock=clock)
        world = World(agents, fleet, tmp_path / "cloud", bus)
        agents.log = world.lines.append
        ready = asyncio.Event()
        serving = asyncio.create_task(fleet.serve(bus.nats, bus.fleet, ready=ready))
        await asyncio.wait_for(ready.wait(), 10)
        try:
            yield world
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            await agents.close()


async def test_calls_long_actions_and_errors(world: World) -> None:
    world.boot("a1")
    await world.agents.wait_until_ready("a1", timeout_s=5)
    assert (await world.agents.call("a1", "get_state"))["agent_id"] == "a1"
    world.fleet.agents["a1"].behaviour.action_s = 0.05
    assert await world.agents.run("a1", "apply", {"job": {}}) == "applied"
    assert await world.agents.run("a1", "start") == "started"
    with pytest.raises(RpcRemoteException) as caught:
        await world.agents.call("a1", "no_such_thing")
    assert caught.value.details == "unknown message no_such_thing"


async def test_many_agents_at_once(world: World) -> None:
    for number in range(50):
        world.boot(f"a{number}")
    states = await asyncio.gather(*(world.agents.call(f"a{number}", "get_state") for number in range(50)))
    assert [state["agent_id"] for state in states] == [f"a{number}" for number in range(50)]


async def test_silence_is_a_timeout(world: World) -> None:
    with pytest.raises(RpcTimeout, match=r"Timed out sending 'ping' to agent-id: 'nobody' after 0.2 seconds"):
        await world.agents.call("nobody", "ping", timeout_s=0.2)
    with pytest.raises(RpcTimeout, match=r"Timed out pinging agent 'nobody' after 0.2 seconds"):
        await world.agents.wait_until_ready("nobody", timeout_s=0.2)


async def test_cancelling_tells_the_agent(world: World) -> None:
    world.boot("a1")
    await world.agents.call("a1", "ping")
    world.fleet.agents["a1"].behaviour.action_s = 30
    running = asyncio.create_task(world.agents.run("a1", "run_errand"))
    for _attempt in range(500):
        if any(method == "run_errand" for _agent, method, _arguments in world.fleet.calls):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await world.agents.call("a1", "ping")
    assert [method for _agent, method, _arguments in world.fleet.calls][-2] == "cancel_task"


async def test_the_log_has_requests_without_secrets(world: World) -> None:
    world.boot("a1")
    mbus = {"cert": {"private_key": "hidden"}}
    await world.agents.run("a1", "update_settings", {"trusted_certs": "", "mbus": mbus, "blobstores": ["hidden"]})
    sent = next(line for line in world.lines if line.startswith("SENT: agent.a1 "))
    assert json.loads(sent.removeprefix("SENT: agent.a1 "))["method"] == "update_settings"
    assert "hidden" not in "".join(world.lines)


async def test_alerts_reach_the_monitor(world: World) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        heard.put_nowait(message.data)

    monitor = await connect(world.bus.nats, world.bus.fleet, name="monitor")
    try:
        await monitor.subscribe(subjects.DIRECTOR_ALERT, cb=hear)
        await monitor.flush()
        await world.agents.alert({"id": "director", "severity": 3})
        assert json.loads(await asyncio.wait_for(heard.get(), 5)) == {"id": "director", "severity": 3}
    finally:
        await monitor.close()


async def test_requests_are_sent_again_when_nobody_heard_them(tmp_path: Path) -> None:
    clock, ids = SystemClock(), SystemIds()
    program = nats_server_program()
    assert program
    async with running_bus(tmp_path, program=program, now=clock.now()) as bus:
        agents = BusAgents(bus.nats, director_uuid=ids.uuid(), ids=ids, clock=clock)
        fleet = Fleet(tmp_path / "cloud", clock=clock, ids=ids)
        world = World(agents, fleet, tmp_path / "cloud", bus)
        world.boot("late")
        asking = asyncio.create_task(agents.call("late", "ping", timeout_s=10))
        await asyncio.sleep(0.1)
        serving = asyncio.create_task(fleet.serve(bus.nats, bus.fleet))
        try:
            assert await asyncio.wait_for(asking, 5) == "pong"
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            await agents.close()
