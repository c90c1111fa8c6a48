"""Delete a deployment (``bosh delete-deployment``)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.delete import delete_deployment
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.world import world_of
from bosh.wire.errors import DeploymentNotFound


async def run(context: TaskContext) -> str:
    """``/deployments/NAME``.

    Raises:
        DeploymentNotFound: 70000. What ``bosh.execution.delete`` raises.
    """
    name = context.task.deployment
    arguments = context.task.arguments
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
        if context.store.deployments.get(name=name) is None:
            raise DeploymentNotFound(f"Deployment '{name}' doesn't exist")
        await delete_deployment(
            world_of(context),
            force=bool(arguments.get("force")),
            keep_snapshots=bool(arguments.get("keep_snapshots")),
        )
    return f"/deployments/{name}"
