"""The resurrector plugin against a director made of values."""

from __future__ import annotations

import json

from bosh.health.model import Alert, DeploymentUnwell
from bosh.health.plugins.contract import World
from bosh.health.plugins.event_logger import EventLogger
from bosh.health.plugins.resurrector import make
from bosh.system.clock import FakeClock


class FakeDirector:
    def __init__(self, *, paused=False, tasks=()):
        self.paused, self.tasks, self.calls = paused, tasks, []

    async def call(self, method, path, **options):
        self.calls.append((method, path, json.loads(options["body"]) if "body" in options else None))
        return list(self.tasks) if path == "/tasks" else None

    async def resurrection_paused(self):
        return self.paused

    async def resurrection_rules(self):
        return ()


def unwell(*ids):
    return DeploymentUnwell("web", {"router": ids}, 20, Alert("1", 2, "web has instances with timed out agents", 0))


async def test_lost_instances_are_handed_to_scan_and_fix():
    director = FakeDirector()
    said = await make({}, World(FakeClock(), director)).hear(unwell("a", "b"))
    assert director.calls[-1] == ("PUT", "/deployments/web/scan_and_fix", {"jobs": {"router": ["a", "b"]}})
    assert [alert.title for alert in said] == ["Scan unresponsive VMs"]


async def test_nothing_is_asked_while_resurrection_is_paused():
    director = FakeDirector(paused=True)
    assert await make({}, World(FakeClock(), director)).hear(unwell("a")) == []
    assert director.calls == []


async def test_nothing_is_asked_while_a_repair_is_under_way():
    director = FakeDirector(tasks=[{"description": "scan and fix"}])
    await make({}, World(FakeClock(), director)).hear(unwell("a"))
    assert [call[0] for call in director.calls] == ["GET"]


async def test_a_meltdown_stops_repairs_and_says_so():
    director = FakeDirector()
    said = await make({}, World(FakeClock(), director)).hear(unwell(*"abcdef"))
    assert director.calls == []
    assert [alert.title for alert in said] == ["We are in meltdown"]
    assert "router/a, router/b" in said[0].summary


async def test_alerts_become_events_of_the_director():
    director = FakeDirector()
    alert = Alert("7", 2, "agent has timed out", 12, deployment="web", job="router", instance_id="a")
    await EventLogger(World(FakeClock(), director)).hear(alert)
    ((method, path, body),) = director.calls
    assert (method, path, body["object_name"], body["instance"]) == ("POST", "/events", "7", "router/a")


async def test_the_same_losses_are_not_asked_for_again_at_once():
    director, clock = FakeDirector(), FakeClock()
    resurrector = make({}, World(clock, director))
    await resurrector.hear(unwell("a"))
    await resurrector.hear(unwell("a"))
    clock.advance_s(31)
    await resurrector.hear(unwell("a"))
    assert [call[0] for call in director.calls].count("PUT") == 2
