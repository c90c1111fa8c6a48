"""What is remembered of an instance and what its agent says need not agree."""

from __future__ import annotations

import pytest

from bosh.state import records

from .conftest import Director, manifest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]

STOP = {"web": {"*": "stopped"}}


async def deploy(director: Director, text: str, **arguments: object) -> None:
    outcome = await director.deploy(text, **arguments)
    assert outcome.state == "done", f"{outcome.result}\n{director.debug()[-4000:]}"


def web(director: Director) -> records.Instance:
    (row,) = director.store.instances.list(group="web")
    return row


async def test_a_stopped_instance_that_runs_all_the_same_is_stopped_again(director: Director) -> None:
    await deploy(director, manifest(1))
    await deploy(director, manifest(1), job_states=STOP)
    (agent,) = director.agents()
    agent.job_state = "running"
    director.fleet.calls.clear()
    await deploy(director, manifest(1))
    assert "stop" in director.methods()
    assert agent.job_state == "stopped"
    director.fleet.calls.clear()
    await deploy(director, manifest(1))
    assert set(director.methods()) == {"get_state"}


async def test_a_stopped_instance_is_not_stopped_again_before_it_starts(director: Director) -> None:
    await deploy(director, manifest(1))
    await deploy(director, manifest(1), job_states=STOP)
    director.fleet.calls.clear()
    await deploy(director, manifest(1, port=81), job_states={"web": {"*": "started"}})
    assert "stop" not in director.methods()
    assert "start" in director.methods()


async def test_stopping_with_a_fix_does_not_wait_for_a_silent_agent(director: Director) -> None:
    await deploy(director, manifest(1))
    director.configure(agent_answer_timeout_s=0.2)
    (agent,) = director.agents()
    agent.behaviour.unresponsive = True
    director.fleet.calls.clear()
    await deploy(director, manifest(1), job_states=STOP, fix=True)
    row = web(director)
    assert (row.state, row.dirty) == ("stopped", False)
    assert set(director.methods()) <= {"get_state"}
    told = [one["message"] for one in director.events() if one.get("type") == "warning"]
    assert told == [f"The agent of web/{row.uuid} (0) does not answer; its jobs were not stopped"]


async def test_what_concerns_no_vm_is_only_remembered(director: Director) -> None:
    await deploy(director, manifest(1))
    director.fleet.calls.clear()
    await deploy(director, manifest(1, watch="0-3000"))
    assert set(director.methods()) == {"get_state"}
    assert web(director).spec["update"]["update_watch_time"] == "0-3000"
