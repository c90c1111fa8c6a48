"""Deploy a manifest, or converge a deployment to the state asked for (``bosh deploy``, ``start``, ``stop``, ``restart``, ``recreate``)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deploy import deploy
from bosh.execution.request import request_from
from bosh.render.renderer import Renderer


async def run(context: TaskContext) -> str:
    """``/deployments/NAME``. Raises what ``bosh.execution.deploy`` raises."""
    async with Renderer() as renderer:
        return await deploy(context, request_from(context.task.arguments), renderer)
