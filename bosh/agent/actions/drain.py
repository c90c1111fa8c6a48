"""``drain(kind, spec?)``: stop watching, let the jobs finish their work; the waiting is done here, so the answer is 0 (action/drain.go)."""

from __future__ import annotations

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.agent.brain import Trait
from bosh.agent.scripts import drain
from bosh.agent.spec import Spec
from bosh.wire import heartbeat, subjects


async def run(agent: Agent, call: Call) -> int:
    current = agent.specs.get()
    kind = call.arguments.text(0)
    has_spec = call.arguments.has(1) and call.arguments.any(1) is not None
    wanted = Spec(call.arguments.mapping(1)) if has_spec else None
    told = drain.arguments(kind, current, wanted)
    if kind == "shutdown":
        agent.outbox.publish(subjects.shutdown(agent.settings.current.agent_id), heartbeat.SHUTDOWN)
    await agent.supervisor.unmonitor()
    jobs = [job.name for job in current.jobs]
    await drain.drain_all(jobs, told, agent.paths, agent.machine.commands, agent.clock, call.cancelled)
    return 0


ACTION = Action("drain", run, Trait(asynchronous=True, cancellable=True))
