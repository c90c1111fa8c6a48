"""Run an errand on instances that have its job, or on the instances of an errand group (``bosh run-errand``)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.errands.run import errand_request, run_errand
from bosh.render.renderer import Renderer


async def run(context: TaskContext) -> str:
    """``1 succeeded, 0 errored, 0 canceled``, or that nothing has changed; a row an instance in the result output.

    Raises what ``bosh.execution.errands.run`` raises.
    """
    name = context.task.deployment
    async with (
        context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S),
        Renderer() as renderer,
    ):
        return await run_errand(context, errand_request(context.task.arguments), renderer)
