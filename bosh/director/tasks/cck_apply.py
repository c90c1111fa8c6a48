"""Mend problems that a scan found, as the operator chose (bosh: jobs/cloud_check/apply_resolutions.rb)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.repair.apply import apply_resolutions


async def run(context: TaskContext) -> str:
    """``N resolved``. Raises ResolutionsFailed when some could not be mended."""
    arguments, name = context.task.arguments, context.task.deployment
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
        wanted, overrides = arguments.get("resolutions") or {}, arguments.get("max_in_flight_overrides") or {}
        resolved = await apply_resolutions(context, wanted, overrides)
    return f"{resolved} resolved"
