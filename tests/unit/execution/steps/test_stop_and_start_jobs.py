from __future__ import annotations

from typing import Any

import pytest

from bosh.execution.steps.start_jobs import not_running, start_jobs, wait_until_running
from bosh.execution.steps.stop_jobs import next_states, run_script, stop_jobs
from bosh.manifest.model import WatchTime
from bosh.testing.fake_agent import Behaviour, FakeAgent
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import AgentJobNotRunning, RpcRemoteException


@pytest.fixture
def agent(fake: FakeWorld) -> FakeAgent:
    agent = fake.agents.boot({"agent_id": "agent-1"})
    agent.spec = {"job": {"templates": [{"name": "server"}, {"name": "client"}]}}
    return agent


async def stop(fake: FakeWorld, **values: Any) -> None:
    given: dict[str, Any] = {"fate": "keep", "drain": "update", "spec": {"id": "i"}}
    await stop_jobs(fake.world, "agent-1", **(given | values), told=fake.log.statuses.append)


@pytest.mark.usefixtures("agent")
async def test_stopping_tells_the_scripts_what_follows(fake: FakeWorld) -> None:
    await stop(fake, fate="delete_instance", drain="shutdown")
    calls = [(method, arguments) for _agent, method, arguments in fake.agents.calls]
    assert calls == [
        (
            "run_script",
            (
                "pre-stop",
                {
                    "env": {
                        "BOSH_VM_NEXT_STATE": "delete",
                        "BOSH_INSTANCE_NEXT_STATE": "delete",
                        "BOSH_DEPLOYMENT_NEXT_STATE": "keep",
                    }
                },
            ),
        ),
        ("drain", ("shutdown", {"id": "i"})),
        ("stop", ()),
        ("run_script", ("post-stop", {})),
    ]
    assert fake.log.statuses == ["executing pre-stop", "executing drain", "stopping jobs", "executing post-stop"]


def test_what_becomes_of_vm_instance_and_deployment() -> None:
    assert set(next_states("keep").values()) == {"keep"}
    assert set(next_states("delete_deployment").values()) == {"delete"}


async def test_a_negative_drain_is_asked_again_until_it_is_not(fake: FakeWorld, agent: FakeAgent) -> None:
    agent.behaviour = Behaviour(drain_s=(-3, -2, 4))
    began_s = fake.clock.monotonic_s()
    await stop(fake)
    drains = [arguments for _agent, method, arguments in fake.agents.calls if method == "drain"]
    assert drains == [("update", {"id": "i"}), ("status",), ("status",)]
    assert fake.clock.monotonic_s() - began_s == 9


@pytest.mark.usefixtures("agent")
async def test_drain_may_be_left_out(fake: FakeWorld) -> None:
    await stop(fake, skip_drain=True)
    assert fake.methods() == ["stop", "run_script"]


async def test_a_failing_script_ends_the_sequence(fake: FakeWorld, agent: FakeAgent) -> None:
    agent.behaviour = Behaviour(failing_scripts=frozenset({"pre-stop"}))
    with pytest.raises(RpcRemoteException) as caught:
        await stop(fake)
    assert "2 of 2 pre-stop scripts failed" in caught.value.details
    assert fake.methods() == ["run_script"]


async def test_agents_without_scripts_are_let_be(fake: FakeWorld, agent: FakeAgent) -> None:
    agent._do_run_script = None  # type: ignore[assignment, method-assign]
    await run_script(fake.world, "agent-1", "post-deploy")


@pytest.mark.usefixtures("agent")
async def test_starting_waits_for_running(fake: FakeWorld) -> None:
    began_s = fake.clock.monotonic_s()
    await start_jobs(fake.world, "agent-1", "web/i (0)", watch=WatchTime(2000, 5000), told=fake.log.statuses.append)
    assert fake.methods() == ["run_script", "start", "get_state", "run_script"]
    assert fake.clock.monotonic_s() - began_s == 2
    assert fake.log.statuses == ["executing pre-start", "starting jobs", "executing post-start"]


async def test_jobs_that_never_run_are_named(fake: FakeWorld, agent: FakeAgent) -> None:
    agent.behaviour = Behaviour(failing=True)
    began_s = fake.clock.monotonic_s()
    with pytest.raises(AgentJobNotRunning) as caught:
        await start_jobs(fake.world, "agent-1", "web/i (0)", watch=WatchTime(1000, 5000))
    assert caught.value.brief == "'web/i (0)' is not running after update. Review logs for failed jobs: server, client"
    assert caught.value.details == "job state: failing\nserver: failing\nclient: failing"
    assert fake.clock.monotonic_s() - began_s == pytest.approx(5)
    assert "post-start" not in str(fake.agents.calls)


async def test_a_job_that_runs_at_last(fake: FakeWorld, agent: FakeAgent) -> None:
    agent.job_state = "starting"
    states = iter(["starting", "starting", "running"])
    original = agent._do_get_state

    def get_state(kind: str = "") -> dict[str, Any]:
        agent.job_state = next(states)
        return original(kind)

    agent._do_get_state = get_state  # type: ignore[method-assign]
    await wait_until_running(fake.world, "agent-1", "web/i (0)", watch=WatchTime(0, 1000))
    assert fake.methods() == ["get_state"] * 3


def test_an_agent_that_did_not_answer_in_the_end() -> None:
    error = not_running("web/i (0)", {"error": "Timed out"})
    assert error.brief == "'web/i (0)' is not running after update."
    assert error.details == "job state: Timed out"
