"""What VMs and instances there are and how they are (``bosh vms``, ``bosh instances``; bosh: jobs/vm_state.rb).

All agents are asked at once; one that does not answer in time is ``unresponsive agent``. Rows are NDJSON in the result output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bosh.clients.contract import Agents
from bosh.director.tasks.contract import TaskContext
from bosh.execution.concurrency import for_each
from bosh.state import records
from bosh.state.contract import Store
from bosh.wire.errors import RpcRemoteException, RpcTimeout

ANSWER_TIMEOUT_S = 5.0
"""As the original: a person waits for the table."""

UNRESPONSIVE = "unresponsive agent"


@dataclass(frozen=True, slots=True)
class _Deployment:
    """Everything remembered of one deployment, each table read once however many instances there are."""

    instances: Sequence[records.Instance]
    vms: Mapping[str, Sequence[records.Vm]]
    disks: Mapping[str, Sequence[records.Disk]]


def _by_instance(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.instance_uuid].append(row)
    return found


def _read(store: Store, name: str) -> _Deployment:
    return _Deployment(
        store.instances.list(deployment=name),
        _by_instance(store.vms.list(deployment=name)),
        _by_instance(store.disks.list(deployment=name, active=True, orphaned_at=None)),
    )


def _wanted(found: _Deployment, *, vms_only: bool) -> list[tuple[records.Instance, records.Vm | None]]:
    """VMs: every VM of every instance, also inactive ones. Instances: each with its active VM or none."""
    pairs: list[tuple[records.Instance, records.Vm | None]] = []
    for instance in found.instances:
        vms = [vm for vm in found.vms.get(instance.uuid, []) if vm.cid]
        active = next((vm for vm in vms if vm.active), None)
        if not vms_only:
            pairs.append((instance, active))
        elif active:
            pairs += [(instance, vm) for vm in vms]
    return pairs


async def _state(agents: Agents, vm: records.Vm) -> Mapping[str, Any]:
    try:
        state: Mapping[str, Any] = await agents.call(vm.agent_id, "get_state", "full", timeout_s=ANSWER_TIMEOUT_S)
    except (RpcTimeout, RpcRemoteException):
        return {"job_state": UNRESPONSIVE}
    return state


def row(
    instance: records.Instance,
    vm: records.Vm | None,
    disks: Sequence[records.Disk],
    state: Mapping[str, Any],
) -> dict[str, Any]:
    """One line of the result (read by bosh-cli: director/vms.go)."""
    cids = [disk.cid for disk in disks if disk.cid]
    networks = vm.network_settings if vm else {}
    vm_type = instance.spec.get("vm_type") or {}
    return {
        "vm_cid": vm.cid if vm else None,
        "active": vm.active if vm else None,
        "vm_created_at": vm.created_at.strftime("%Y-%m-%dT%H:%M:%SZ") if vm and vm.created_at else None,
        "cloud_properties": vm.cloud_properties if vm else instance.cloud_properties,
        "disk_cid": cids[0] if cids else None,
        "disk_cids": cids,
        "ips": [network["ip"] for network in networks.values() if network.get("ip")],
        "agent_id": vm.agent_id if vm else None,
        "job_name": instance.group,
        "index": instance.index,
        "job_state": state.get("job_state"),
        "state": instance.state,
        "vm_type": vm_type.get("name"),
        "vitals": state.get("vitals"),
        "processes": state.get("processes") or [],
        "az": instance.az or None,
        "id": instance.uuid,
        "bootstrap": instance.bootstrap,
        "ignore": instance.ignored,
        "stemcell": {
            "name": vm.stemcell_name if vm else None,
            "version": vm.stemcell_version if vm else None,
            "api_version": vm.stemcell_api_version if vm else None,
        },
    }


async def run(context: TaskContext) -> str:
    """No result field; one row an instance, or a VM, in the result output, in the order of groups and indexes."""
    found = _read(context.store, context.task.deployment)
    pairs = _wanted(found, vms_only=context.task.arguments.get("kind") != "instances")
    states: dict[str, Mapping[str, Any]] = {}

    async def ask(vm: records.Vm) -> None:
        states[vm.agent_id] = await _state(context.agents, vm)

    vms = [vm for _, vm in pairs if vm]
    # One message each, no thread each: all at once, but for a bound on what waits in the bus's buffers.
    await for_each(vms, ask, at_once=max(256, context.config.max_threads))
    for instance, vm in sorted(pairs, key=lambda pair: (pair[0].group, pair[0].index)):
        disks = found.disks.get(instance.uuid, [])
        context.log.result(row(instance, vm, disks, states.get(vm.agent_id, {}) if vm else {}))
    return ""
