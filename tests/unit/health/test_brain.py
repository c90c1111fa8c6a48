"""The monitor's judgement."""

from __future__ import annotations

from bosh.health.brain import REPEAT_ALERT_S, Brain
from bosh.health.model import Alert, DeploymentUnwell, DeploymentView, Heartbeat, InstanceView


def instance(number: int, *, cid: str = "vm", expects_vm: bool = True) -> InstanceView:
    return InstanceView("web", "router", f"id-{number}", number, f"agent-{number}" if cid else "", cid, expects_vm)


def brain_with(*instances: InstanceView, locked: bool = False, at: float = 0) -> Brain:
    brain = Brain(agent_timeout_s=60, rogue_agent_s=120)
    brain.director_says([DeploymentView("web", instances, locked=locked)], at)
    return brain


def test_an_agent_heard_in_time_is_well():
    brain = brain_with(instance(0))
    said = brain.heartbeat("agent-0", {"job_state": "running"}, 50)
    assert [type(saying) for saying in said] == [Heartbeat]
    assert said[0].instance_id == "id-0"
    assert brain.analyse_agents(100) == []


def test_a_silent_agent_is_announced_once_and_its_deployment_reported_each_time():
    brain = brain_with(instance(0), instance(1))
    brain.heartbeat("agent-1", {}, 60)
    first = brain.analyse_agents(61)
    second = brain.analyse_agents(70)
    assert [saying.title for saying in first if isinstance(saying, Alert)] == ["agent-0 has timed out"]
    assert [saying for saying in second if isinstance(saying, Alert)] == []
    for said in (first, second):
        (unwell,) = [saying for saying in said if isinstance(saying, DeploymentUnwell)]
        assert unwell.jobs == {"router": ("id-0",)}
        assert unwell.total_instances == 2


def test_a_long_outage_is_announced_again():
    brain = brain_with(instance(0))
    brain.analyse_agents(61)
    again = brain.analyse_agents(61 + REPEAT_ALERT_S)
    assert any(isinstance(saying, Alert) for saying in again)


def test_nothing_is_concluded_about_a_deployment_that_a_task_works_on():
    brain = brain_with(instance(0), instance(1, cid=""), locked=True)
    assert brain.analyse_agents(1000) == []
    assert brain.analyse_instances(1000) == []


def test_an_instance_without_the_vm_it_should_have_is_reported():
    brain = brain_with(instance(0), instance(1, cid=""), instance(2, cid="", expects_vm=False))
    said = brain.analyse_instances(10)
    assert [saying.title for saying in said if isinstance(saying, Alert)] == ["id-1 has no VM"]
    (unwell,) = [saying for saying in said if isinstance(saying, DeploymentUnwell)]
    assert unwell.jobs == {"router": ("id-1",)}


def test_an_agent_nobody_knows_is_rogue_after_a_while_and_forgotten_when_it_falls_silent():
    brain = brain_with()
    for now in (0, 50, 100, 150):
        assert brain.heartbeat("stranger", {}, now) == []
    assert brain.analyse_agents(120) == []
    (alert,) = brain.analyse_agents(151)
    assert isinstance(alert, Alert)
    assert alert.title == "stranger is not a part of any deployment"
    assert brain.analyse_agents(160) == []
    assert brain.analyse_agents(300) == []
    assert brain.counts(300).available["unmanaged"] == 0


def test_a_fresh_agent_that_the_director_names_later_was_never_rogue():
    brain = brain_with()
    brain.heartbeat("agent-0", {}, 0)
    brain.director_says([DeploymentView("web", (instance(0),))], 10)
    brain.heartbeat("agent-0", {}, 130)
    assert brain.analyse_agents(140) == []


def test_an_agent_that_says_good_bye_is_not_missed():
    brain = brain_with(instance(0))
    brain.shutdown("agent-0")
    assert brain.analyse_agents(1000) == []


def test_an_agent_whose_vm_was_replaced_is_forgotten():
    brain = brain_with(instance(0))
    replaced = InstanceView("web", "router", "id-0", 0, "agent-new", "vm2", True)
    brain.director_says([DeploymentView("web", (replaced,))], 50)
    assert brain.analyse_agents(100) == []
    assert [type(saying) for saying in brain.analyse_agents(111)] == [Alert, DeploymentUnwell]


def test_an_alert_of_a_managed_agent_says_where_it_comes_from():
    brain = brain_with(instance(0))
    (alert,) = brain.alert("agent-0", {"id": "a", "severity": 2, "title": "process down", "created_at": 5}, 6)
    assert isinstance(alert, Alert)
    assert (alert.deployment, alert.job, alert.instance_id, alert.created_at) == ("web", "router", "id-0", 5)


def test_an_alert_without_a_title_is_told_about():
    (alert,) = brain_with(instance(0)).alert("agent-0", {"severity": 1}, 6)
    assert isinstance(alert, Alert)
    assert "without severity or title" in alert.title


def test_the_director_alerts_as_well():
    told = {"id": "director", "severity": 3, "title": "snapshot failure", "summary": "no room", "created_at": 5}
    (alert,) = brain_with().director_alert(told, 6)
    assert (alert.id, alert.severity, alert.title, alert.summary) == ("director", 3, "snapshot failure", "no room")
    assert (alert.created_at, alert.source) == (5, "director")
    for key in told:
        assert brain_with().director_alert({name: value for name, value in told.items() if name != key}, 6) == []


def test_counts_by_deployment():
    brain = brain_with(instance(0), instance(1), instance(2))
    brain.heartbeat("agent-0", {"job_state": "failing"}, 10)
    brain.heartbeat("agent-1", {"job_state": "running", "number_of_processes": 0}, 10)
    counts = brain.counts(65)
    assert counts.failing == {"web": 1}
    assert counts.unhealthy == {"web": 1}
    assert counts.unknown == {"web": 1}
    assert counts.unresponsive == {"web": 1}
    assert counts.available == {"web": 3, "unmanaged": 0}
