from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bosh.execution.errands.on_instance import run_on
from bosh.state import records
from bosh.testing.fake_agent import TERMINATED, FakeAgent
from bosh.testing.fake_task import FakeWorld
from bosh.wire.errors import RpcTimeout, RunErrandError

INSTANCE = records.Instance("u-1", "dep", "web", 0, spec={"job": {"template": "server"}})
VM = records.Vm("agent-1", "u-1", "dep", cid="vm-1")


@pytest.fixture
def agent(fake: FakeWorld) -> FakeAgent:
    settings = {"agent_id": "agent-1", "vm": {"name": "vm"}, "mbus": "", "networks": {}, "disks": {}, "env": {}}
    return fake.agents.boot(settings)


async def test_a_run_takes_its_time(fake: FakeWorld, agent: FakeAgent) -> None:
    agent.behaviour.action_s = 100
    result = await run_on(fake.world, INSTANCE, VM, "smoke", by_job=False)
    assert (result.exit_code, result.stdout) == (0, "done\n")
    assert fake.log.rows == [result.row()]
    assert fake.clock.monotonic_s() >= 100


async def test_an_agent_may_answer_at_once(fake: FakeWorld, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "_begin", lambda _method, work: work())
    monkeypatch.setattr(agent, "run_to_end", agent.handle)
    assert (await run_on(fake.world, INSTANCE, VM, "smoke", by_job=False)).successful


async def test_a_job_is_named_to_the_agent(fake: FakeWorld, agent: FakeAgent) -> None:
    await run_on(fake.world, INSTANCE, VM, "client", by_job=True)
    assert ("run_errand", ("client",)) in agent.calls


@pytest.mark.parametrize(("errand", "runs"), [("server", True), ("client", False)])
async def test_agents_of_old_know_only_the_first_job(
    fake: FakeWorld, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch, errand: str, *, runs: bool
) -> None:
    monkeypatch.setattr(agent, "_do_info", lambda: {"api_version": 0})
    if runs:
        await run_on(fake.world, INSTANCE, VM, errand, by_job=True)
    else:
        with pytest.raises(RunErrandError, match="older stemcell"):
            await run_on(fake.world, INSTANCE, VM, errand, by_job=True)


def answering(agent: FakeAgent, silences: int) -> Iterator[bool]:
    """Whether the agent is silent, question after question."""
    for _ in range(silences):
        yield True
    while True:
        yield False


@pytest.mark.parametrize(("silences", "survives"), [(4, True), (5, False)])
async def test_an_agent_may_be_silent_for_a_while(
    fake: FakeWorld, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch, silences: int, *, survives: bool
) -> None:
    silent = answering(agent, silences)
    call = fake.agents.call

    async def sometimes(agent_id: str, method: str, *arguments: Any, timeout_s: float = 45.0) -> Any:
        if method == "get_task" and next(silent):
            raise RpcTimeout("silence")
        return await call(agent_id, method, *arguments, timeout_s=timeout_s)

    monkeypatch.setattr(fake.agents, "call", sometimes)
    if survives:
        assert (await run_on(fake.world, INSTANCE, VM, "smoke", by_job=False)).successful
    else:
        with pytest.raises(RpcTimeout):
            await run_on(fake.world, INSTANCE, VM, "smoke", by_job=False)


async def cancelled_when(fake: FakeWorld, method: str) -> None:
    """Run, and cancel as soon as the agent is asked for this."""
    running = asyncio.create_task(run_on(fake.world, INSTANCE, VM, "smoke", by_job=False))
    for _attempt in range(1000):
        if method in fake.methods(but=()):
            break
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("method", ["run_errand", "get_task"])
async def test_cancelled_at_any_time_the_result_is_kept(fake: FakeWorld, agent: FakeAgent, method: str) -> None:
    agent.behaviour.action_s = 10**6
    await cancelled_when(fake, method)
    assert fake.log.rows[0]["exit_code"] == TERMINATED
    assert [call[0] for call in agent.calls if call[0] in ("run_errand", "cancel_task")] == [
        "run_errand",
        "cancel_task",
    ]


async def test_an_agent_that_does_not_answer_keeps_nobody_from_cancelling(
    fake: FakeWorld, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.behaviour.action_s = 10**6

    def die(_task_id: str) -> str:
        agent.behaviour.unresponsive = True
        return "canceled"

    monkeypatch.setattr(agent, "_do_cancel_task", die)
    await cancelled_when(fake, "get_task")
    assert fake.log.rows == []
    assert fake.log.notices[0][1].startswith("Could not collect the result of the cancelled errand 'smoke'")
