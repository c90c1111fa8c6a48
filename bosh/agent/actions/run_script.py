"""``run_script(name, {env})``: a hook of all jobs at once (action/run_script.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.scripts.hooks import run_hook
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> dict[str, str]:
    name = call.arguments.text(0)
    if not name or "/" in name:
        raise BoshError(f"cannot run a script named {name!r}")
    options = call.arguments.mapping(1) if call.arguments.has(1) else {}
    env = {str(key): str(value) for key, value in (options.get("env") or {}).items()}
    jobs = [job.name for job in agent.specs.get().jobs]
    await run_hook(name, jobs, env, agent.paths, agent.machine.commands, cancelled=call.cancelled)
    return {}


ACTION = Action("run_script", run, Trait(asynchronous=True, cancellable=True))
