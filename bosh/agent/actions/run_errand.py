"""``run_errand(job?)``: ``bin/run`` of a job, with what it printed (action/run_errand.go)."""

from __future__ import annotations

from typing import Any

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.machine.commands import SCRIPT_PATH, Command
from bosh.agent.spec import Spec
from bosh.wire.errors import BoshError


async def run(agent: Agent, call: Call) -> dict[str, Any]:
    asked = call.arguments.text(0) if call.arguments.has(0) else None
    job = errand_job(agent.specs.get(), asked)
    command = Command([str(agent.paths.job_bin(job) / "run")], env={"PATH": SCRIPT_PATH})
    result = await agent.machine.commands.run(command, cancelled=call.cancelled)
    return {"stdout": result.stdout, "stderr": result.stderr, "exit_code": result.status}


def errand_job(spec: Spec, asked: str | None) -> str:
    """The asked job, or the instance group's first.

    Raises:
        BoshError: the instance has no such job, or none at all.
    """
    if asked is not None:
        if asked not in spec.template_names:
            raise BoshError(f"Could not find errand {asked}")
        return asked
    first = str(spec.job.get("template") or "")
    if not first:
        raise BoshError("At least one job template is required to run an errand")
    return first


ACTION = Action("run_errand", run, Trait(asynchronous=True, cancellable=True))
