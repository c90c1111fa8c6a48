"""Start, stop, restart or recreate one instance without converging its deployment (``--no-converge``)."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deploy import DEPLOYMENT_LOCK_TIMEOUT_S
from bosh.execution.planning import config_rows
from bosh.execution.recorded import cpi_of_az, find_instance, recorded_instance, vm_of, world_of_instance
from bosh.execution.single import SingleRequest, act_on_instance
from bosh.plan.errors import IgnoredInstancesModification
from bosh.state import records
from bosh.wire.errors import BoshError, DeploymentNotFound


class InvalidLifecycle(BoshError):
    """Asked of an errand's instance what only services can do."""

    code, status = 90000, 422


async def run(context: TaskContext) -> str:
    """``group/uuid``.

    Raises:
        InstanceNotFound: 70001. InvalidLifecycle: 90000. IgnoredInstancesModification: 190020.
    """
    arguments = context.task.arguments
    name = context.task.deployment
    async with context.control.lock(f"lock:deployment:{name}", timeout_s=DEPLOYMENT_LOCK_TIMEOUT_S):
        row = find_instance(context.store, name, str(arguments["instance"]))
        _refuse(row, str(arguments["action"]))
        world = world_of_instance(context, row)
        instance = recorded_instance(world, row, cpi=_cpi(context, row))
        request = SingleRequest(
            action=str(arguments["action"]),
            hard=bool(arguments.get("hard")),
            skip_drain=bool(arguments.get("skip_drain")),
            ignore_unresponsive_agent=bool(arguments.get("ignore_unresponsive_agent")),
        )
        await act_on_instance(world, row, instance, request)
    return f"{row.group}/{row.uuid}"


def _refuse(row: records.Instance, action: str) -> None:
    if row.lifecycle == "errand":
        raise InvalidLifecycle(
            f"Isolated {action} can not be run on instances of type errand. Try the bosh run-errand command."
        )
    if row.ignored:
        raise IgnoredInstancesModification(
            f"You are trying to change the state of the ignored instance '{row.group}/{row.uuid}'. "
            "This operation is not allowed. You need to unignore it first."
        )


def _cpi(context: TaskContext, row: records.Instance) -> str:
    vm = vm_of(context.store, row.uuid)
    if vm is not None:
        return vm.cpi
    deployment = context.store.deployments.get(name=row.deployment)
    if deployment is None:
        raise DeploymentNotFound(f"Deployment '{row.deployment}' doesn't exist")
    configs = config_rows(context, "cloud", None, deployment)
    return cpi_of_az([config.content for config in configs], row.az)
