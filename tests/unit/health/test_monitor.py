"""From a message on the bus to a plugin."""

from __future__ import annotations

import asyncio
import json

from bosh.clients.director import Unreachable
from bosh.health.config import Intervals
from bosh.health.model import DeploymentView, Heartbeat, InstanceView
from bosh.health.monitor import Monitor
from bosh.system.clock import FakeClock


class Director:
    def __init__(self):
        self.broken = False

    async def deployments(self):
        if self.broken:
            raise Unreachable("gone")
        return [DeploymentView("web", (InstanceView("web", "router", "id", 0, "agent", "vm", True),))]


class Ear:
    def __init__(self, *, fails=False):
        self.heard, self.fails = [], fails

    async def hear(self, saying):
        if self.fails:
            raise RuntimeError("deaf")
        self.heard.append(saying)
        return ()


def monitor(clock, director, *ears):
    wanted = frozenset({"alert", "heartbeat"})
    return Monitor(intervals=Intervals(), director=director, plugins=[(ear, wanted) for ear in ears], clock=clock)


async def drained(one):
    task = asyncio.get_running_loop().create_task(one.speak())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()


async def test_a_heartbeat_reaches_every_plugin_even_when_one_fails():
    deaf, ear = Ear(fails=True), Ear()
    one = monitor(FakeClock(), Director(), deaf, ear)
    await one.poll_director()
    one.message("hm.agent.heartbeat.agent", json.dumps({"job_state": "running", "vitals": {"load": ["1.5"]}}).encode())
    await drained(one)
    (beat,) = ear.heard
    assert isinstance(beat, Heartbeat)
    assert {"name": "system.load.1m", "value": "1.5"}.items() <= beat.to_json()["metrics"][0].items()


async def test_the_directors_own_alert_is_handed_on():
    ear = Ear()
    one = monitor(FakeClock(), Director(), ear)
    told = {"id": "director", "severity": 3, "title": "snapshot failure", "summary": "no room", "created_at": 5}
    one.message("hm.director.alert", json.dumps(told).encode())
    one.message("hm.director.alert", b"{}")
    await drained(one)
    assert [alert.summary for alert in ear.heard] == ["no room"]


async def test_rubbish_on_the_bus_disturbs_nothing():
    ear = Ear()
    one = monitor(FakeClock(), Director(), ear)
    await one.poll_director()
    for payload in (b"\xff", b"[]", b"null", b"{"):
        one.message("hm.agent.heartbeat.agent", payload)
        one.message("hm.agent.alert.agent", payload)
    await drained(one)
    assert ear.heard


async def test_nothing_is_analysed_before_the_director_was_heard():
    clock, director, ear = FakeClock(), Director(), Ear()
    director.broken = True
    one = monitor(clock, director, ear)
    await one.poll_director()
    one.message("hm.agent.heartbeat.agent", b"{}")
    clock.advance_s(1000)
    one.analyse_agents()
    await drained(one)
    assert ear.heard == []
