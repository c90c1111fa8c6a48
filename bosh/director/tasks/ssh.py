"""Let somebody into instances, or out again: a user with a key on each (``bosh ssh``; bosh: jobs/ssh.rb)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bosh.director.tasks.contract import TaskContext
from bosh.state import records
from bosh.wire.errors import BoshError, InstanceNotFound


async def run(context: TaskContext) -> str:
    """No result field; one row in the result output: a list with what each instance's agent answered.

    Raises:
        InstanceNotFound: no instance with a VM matches. RpcTimeout, RpcRemoteException.
    """
    target = context.task.arguments.get("target") or {}
    chosen = _chosen(context, target)
    if not chosen:
        raise InstanceNotFound(
            f"No instance with a VM in deployment '{context.task.deployment}' matched filter {dict(target)}"
        )
    context.log.result(await asyncio.gather(*(_ask(context, instance, vm) for instance, vm in chosen)))
    return ""


def matches(instance: records.Instance, target: Mapping[str, Any]) -> bool:
    """Whether an instance is meant: by group, and by any of the indexes or uuids given."""
    if target.get("job") and instance.group != target["job"]:
        return False
    numbers: Sequence[Any] = target.get("ids") or target.get("indexes") or []
    return not numbers or str(instance.index) in map(str, numbers) or instance.uuid in map(str, numbers)


def _chosen(context: TaskContext, target: Mapping[str, Any]) -> list[tuple[records.Instance, records.Vm]]:
    name = context.task.deployment
    vms = {vm.instance_uuid: vm for vm in context.store.vms.list(deployment=name, active=True) if vm.cid}
    instances = [one for one in context.store.instances.list(deployment=name) if matches(one, target)]
    return [(one, vms[one.uuid]) for one in instances if one.uuid in vms]


async def _ask(context: TaskContext, instance: records.Instance, vm: records.Vm) -> dict[str, Any]:
    command, params = str(context.task.arguments["command"]), dict(context.task.arguments.get("params") or {})
    error = ""
    try:
        answer: dict[str, Any] = dict(await context.agents.call(vm.agent_id, "ssh", command, params))
    except BoshError as failure:
        error = failure.brief
        raise
    finally:
        label = f"{instance.group}/{instance.uuid}"
        context.control.event(
            f"{command} ssh",
            "instance",
            label,
            deployment=context.task.deployment,
            instance=label,
            error=error,
            context={"user": params.get("user_regex") or params.get("user")},
        )
    gateway = context.config.default_ssh_options
    extra = {"gateway_host": gateway.gateway_host, "gateway_user": gateway.gateway_user} if gateway else {}
    return answer | {"id": instance.uuid, "index": instance.index, "job": instance.group} | extra
