"""Stop an instance's jobs: pre-stop, drain, stop, post-stop (bosh: stopper.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from bosh.execution.world import World
from bosh.manifest.model import Json
from bosh.wire.errors import RpcRemoteException

STOP_TIMEOUT_S = 300.0
"""The original goes on when an agent has not stopped its processes by then; the VM's deletion or the next start deals with them."""

Fate = Literal["keep", "delete_vm", "delete_instance", "delete_deployment"]
"""What happens to the VM afterwards."""

Told = Callable[[str], None]


def next_states(fate: Fate) -> dict[str, str]:
    """What ``pre-stop`` scripts see in their environment."""
    doomed = {
        "keep": (),
        "delete_vm": ("VM",),
        "delete_instance": ("VM", "INSTANCE"),
        "delete_deployment": ("VM", "INSTANCE", "DEPLOYMENT"),
    }[fate]
    return {
        f"BOSH_{thing}_NEXT_STATE": "delete" if thing in doomed else "keep"
        for thing in ("VM", "INSTANCE", "DEPLOYMENT")
    }


async def stop_jobs(
    world: World,
    agent_id: str,
    *,
    fate: Fate,
    drain: Literal["update", "shutdown"],
    spec: Mapping[str, Json],
    skip_drain: bool = False,
    told: Told = lambda _status: None,
) -> None:
    """Run the whole sequence.

    Args:
        drain: ``update`` when the jobs come back on the same VM with the same disk.
        spec: what will be applied next, for the drain scripts.
        skip_drain: leave out pre-stop and drain.

    Raises:
        RpcTimeout, RpcRemoteException: the agent could not; nothing that follows was asked for.
    """
    if skip_drain:
        told("skipped pre-stop & drain")
    else:
        told("executing pre-stop")
        await run_script(world, agent_id, "pre-stop", {"env": next_states(fate)})
        told("executing drain")
        await _drain(world, agent_id, drain, spec)
    told("stopping jobs")
    await _stop(world, agent_id)
    told("executing post-stop")
    await run_script(world, agent_id, "post-stop")


async def run_script(world: World, agent_id: str, name: str, options: Mapping[str, Any] | None = None) -> None:
    """Run a script of all jobs; agents that know no scripts are let be (agent_client.rb: run_script)."""
    try:
        await world.agents.run(agent_id, "run_script", name, dict(options or {}))
    except RpcRemoteException as error:
        if "unknown message" not in error.details:
            raise
        world.debug(f"agent {agent_id} does not know run_script, asked for {name}")


async def _drain(world: World, agent_id: str, kind: str, spec: Mapping[str, Json]) -> None:
    """A positive answer is waited for once; a negative one asks to be asked again after that time."""
    wait_s = int(await world.agents.run(agent_id, "drain", kind, spec))
    while wait_s < 0:
        await world.clock.sleep_s(-wait_s)
        wait_s = int(await world.agents.run(agent_id, "drain", "status"))
    if wait_s > 0:
        await world.clock.sleep_s(wait_s)


async def _stop(world: World, agent_id: str) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await world.agents.run(agent_id, "stop")
    except TimeoutError:
        world.debug(f"agent {agent_id} has not stopped its jobs after {STOP_TIMEOUT_S:g} s; going on")
