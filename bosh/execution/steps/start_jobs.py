"""Start an instance's jobs and wait until they run: pre-start, start, watch, post-start (bosh: starter.rb)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bosh.execution.steps.stop_jobs import Told, run_script
from bosh.execution.world import World
from bosh.manifest.model import WatchTime
from bosh.wire.errors import AgentJobNotRunning, RpcTimeout

_FIRST_POLL_S = 0.02
_LONGEST_POLL_S = 0.25


async def start_jobs(
    world: World, agent_id: str, label: str, *, watch: WatchTime, told: Told = lambda _status: None
) -> None:
    """Run the whole sequence.

    Args:
        label: ``group/id (index)``, for the error.
        watch: nothing is asked before its minimum; success is the first ``running`` until its maximum.

    Raises:
        AgentJobNotRunning: 400007, with the processes' states as details.
        RpcTimeout, RpcRemoteException: the agent could not.
    """
    told("executing pre-start")
    await run_script(world, agent_id, "pre-start")
    told("starting jobs")
    await world.agents.run(agent_id, "start")
    await wait_until_running(world, agent_id, label, watch=watch)
    told("executing post-start")
    await run_script(world, agent_id, "post-start")


async def wait_until_running(world: World, agent_id: str, label: str, *, watch: WatchTime) -> None:
    """Poll ``get_state``, soon at first and ever slower. Raises AgentJobNotRunning."""
    began_s = world.clock.monotonic_s()
    await world.clock.sleep_s(watch.min_ms / 1000)
    pause_s = _FIRST_POLL_S
    while True:
        state = await _state(world, agent_id)
        if state.get("job_state") == "running":
            return
        left_s = watch.max_ms / 1000 - (world.clock.monotonic_s() - began_s)
        if left_s <= 0:
            raise not_running(label, state)
        await world.clock.sleep_s(min(pause_s, left_s))
        pause_s = min(pause_s * 2, _LONGEST_POLL_S)


async def _state(world: World, agent_id: str) -> Mapping[str, Any]:
    """An agent too busy to answer is one whose jobs do not run yet."""
    try:
        state = await world.agents.call(agent_id, "get_state")
    except RpcTimeout as error:
        return {"job_state": "", "processes": [], "error": error.brief}
    return state if isinstance(state, Mapping) else {}


def not_running(label: str, state: Mapping[str, Any]) -> AgentJobNotRunning:
    """The error that names the failing jobs."""
    processes: Sequence[Mapping[str, Any]] = state.get("processes") or []
    failing = [str(process.get("name")) for process in processes if process.get("state") != "running"]
    text = f"'{label}' is not running after update."
    if failing:
        text += f" Review logs for failed jobs: {', '.join(failing)}"
    lines = [f"{process.get('name')}: {process.get('state')}" for process in processes]
    details = "\n".join([f"job state: {state.get('job_state') or state.get('error') or 'unknown'}", *lines])
    return AgentJobNotRunning(
        text,
        details=details,
        resolution=f"See 'bosh logs {label.partition(' ')[0]}', correct the cause and deploy again.",
    )
