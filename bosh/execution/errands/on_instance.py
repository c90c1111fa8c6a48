"""Run an errand's script on one instance and collect what it gave, also when the operator cancels (bosh: errand/runner.rb)."""

from __future__ import annotations

import asyncio
from typing import Any

from bosh.clients.contract import BlobRef
from bosh.execution import logs
from bosh.execution.concurrency import uninterrupted
from bosh.execution.errands.results import Result, outcome_of
from bosh.execution.events import Recording, recorded
from bosh.execution.world import World
from bosh.state import records
from bosh.wire.agent_rpc import running_task
from bosh.wire.errors import BoshError, RpcTimeout, RunErrandError

_FIRST_POLL_S = 0.02
_LONGEST_POLL_S = 1.0
_MOST_SILENCES = 5
"""As for every action of an agent: so many questions without an answer, one after another, are the end of it."""


async def run_on(world: World, instance: records.Instance, vm: records.Vm, errand: str, *, by_job: bool) -> Result:
    """One run; its row is in the task's result output even when the task is cancelled meanwhile.

    Args:
        by_job: the errand's name is a job's, not an instance group's.

    Raises:
        CancelledError: the operator cancelled; the script was told, and has ended.
        AgentInvalidTaskResult: 400011. RpcTimeout, RpcRemoteException: the agent could not.
    """
    label = f"{instance.group}/{instance.uuid} ({instance.index})"
    with recorded(world, "run", "errand", errand, instance=label) as event:
        if by_job:
            await _refuse_older_agent(world, instance, vm, errand)
        running = _Run(world, vm.agent_id, (errand,) if by_job else ())
        try:
            async with world.log.stage("Running errand", total=1).step(label):
                answer = await running.result()
        except asyncio.CancelledError:
            await uninterrupted(_cancelled(world, instance, vm, errand, running))
            raise
        return await _collected(world, instance, vm, errand, answer, event)


async def _refuse_older_agent(world: World, instance: records.Instance, vm: records.Vm, errand: str) -> None:
    """Agents of API version 0 run the first job, whatever they are asked for."""
    info = await world.agents.call(vm.agent_id, "info")
    first = (instance.spec.get("job") or {}).get("template")
    if int(info.get("api_version") or 0) < 1 and first != errand:
        raise RunErrandError(
            f'Multiple jobs are configured on an older stemcell, and "{errand}" is not the first job',
            resolution="Use a newer stemcell.",
        )


async def _collected(
    world: World, instance: records.Instance, vm: records.Vm, errand: str, answer: Any, event: Recording
) -> Result:
    """The result with its logs, written down; a failure to fetch the logs fails the run after that."""
    blob: BlobRef | None = None
    failure: BoshError | None = None
    try:
        blob = await logs.fetch(world, instance, vm, kinds="job", filters=())
        logs.keep_for_a_while(world, blob)
    except BoshError as error:
        failure = error
    code, stdout, stderr = outcome_of(answer)
    result = Result(instance.group, instance.uuid, errand, code, stdout, stderr, blob)
    world.log.result(result.row())
    event.context = {"exit_code": code}
    if failure is not None:
        raise failure
    return result


async def _cancelled(world: World, instance: records.Instance, vm: records.Vm, errand: str, running: _Run) -> None:
    """Tell the agent, and write down what the script gave until then. Errors are noted: the task ends as cancelled."""
    try:
        answer = await running.cancel()
        if answer is not None:
            await _collected(world, instance, vm, errand, answer, Recording(errand))
    except (BoshError, OSError) as error:
        world.log.notice("warning", f"Could not collect the result of the cancelled errand '{errand}': {error}")


class _Run:
    """One ``run_errand`` of one agent, which may be cancelled and has a result all the same."""

    def __init__(self, world: World, agent_id: str, arguments: tuple[str, ...]) -> None:
        self._world = world
        self._agent_id = agent_id
        self._arguments = arguments
        self._task_id: str | None = None

    async def result(self) -> Any:
        """Start the script and wait for its end."""
        # Once sent, the agent's number of it must be known: without that nobody could end it.
        value = await uninterrupted(self._start())
        return await self._wait() if self._task_id else value

    async def _start(self) -> Any:
        value = await self._world.agents.call(self._agent_id, "run_errand", *self._arguments)
        self._task_id = running_task(value)
        return value

    async def cancel(self) -> Any:
        """End the script; its result, None when it never began."""
        if self._task_id is None:
            return None
        await self._world.agents.call(self._agent_id, "cancel_task", self._task_id)
        return await self._wait()

    async def _wait(self) -> Any:
        pause_s = _FIRST_POLL_S
        silences = 0
        while True:
            await self._world.clock.sleep_s(pause_s)
            try:
                value = await self._world.agents.call(self._agent_id, "get_task", self._task_id)
            except RpcTimeout:
                silences += 1
                if silences >= _MOST_SILENCES:
                    raise
                continue
            silences = 0
            if running_task(value) is None:
                return value
            pause_s = min(pause_s * 2, _LONGEST_POLL_S)
