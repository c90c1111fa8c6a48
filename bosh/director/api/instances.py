"""Instances and VMs of a deployment: lists, state changes, logs, snapshots, ssh (bosh: deployments_controller.rb)."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, empty, json_reply
from bosh.director.api.enqueue import enqueue
from bosh.director.tasks import engine
from bosh.state import records
from bosh.wire.director_api import times
from bosh.wire.errors import BoshError, InstanceNotFound

_INDEX_OR_ID = re.compile(r"\d+\Z|[A-Fa-f0-9]{8}-[A-Fa-f0-9-]{27}\Z")
_ACTIONS = ("start", "stop", "restart", "recreate")
_GONE = (
    "This endpoint has been removed. Please use https://bosh.io/docs/resurrector/#enable-with-resurrection-config to configure "
    "resurrection for the deployment or instance group. If you need to prevent a single instance from being resurrected, consider "
    "using https://bosh.io/docs/cli-v2/#ignore."
)


class InstanceInvalidIndex(BoshError):
    code = 70002


class SnapshotNotFound(BoshError):
    code = 70008


def find(call: Call, deployment: records.Deployment, group: str, index_or_id: str) -> records.Instance:
    """Raises InstanceInvalidIndex, InstanceNotFound."""
    if not _INDEX_OR_ID.match(index_or_id):
        raise InstanceInvalidIndex(f"Invalid instance index or id '{index_or_id}'")
    key: dict[str, Any] = {"index": int(index_or_id)} if index_or_id.isdecimal() else {"uuid": index_or_id}
    found = call.store.instances.get(deployment=deployment.name, group=group, **key)
    if found is None:
        raise InstanceNotFound(f"'{deployment.name}/{group}/{index_or_id}' doesn't exist")
    return found


def _vms_of(call: Call, deployment: records.Deployment) -> dict[str, list[records.Vm]]:
    by_instance: dict[str, list[records.Vm]] = {}
    for vm in call.store.vms.list(deployment=deployment.name, orphaned_at=None):
        by_instance.setdefault(vm.instance_uuid, []).append(vm)
    return by_instance


def ips_of(vm: records.Vm) -> list[str]:
    """Addresses in its network settings."""
    networks = vm.network_settings.values() if isinstance(vm.network_settings, dict) else ()
    return [network["ip"] for network in networks if network.get("ip")]


def _vm_body(instance: records.Instance, vm: records.Vm | None) -> dict[str, Any]:
    return {
        "agent_id": vm.agent_id if vm else None,
        "cid": (vm.cid or None) if vm else None,
        "job": instance.group,
        "index": instance.index,
        "id": instance.uuid,
        "az": instance.az or None,
        "ips": ips_of(vm) if vm else [],
        "vm_created_at": times.iso(vm.created_at) if vm and vm.created_at else None,
    }


def vms(call: Call) -> Response:
    deployment = call.deployment("read")
    if call.query("format") == "full":
        return _stats(call, deployment, "vms")
    by_instance = _vms_of(call, deployment)
    return json_reply(
        [
            _vm_body(instance, vm) | {"active": vm.active, "permanent_nats_credentials": True}
            for instance in call.store.instances.list(deployment=deployment.name)
            for vm in by_instance.get(instance.uuid, [])
        ]
    )


def instances(call: Call) -> Response:
    deployment = call.deployment("read")
    if call.query("format") == "full":
        return _stats(call, deployment, "instances")
    by_instance = _vms_of(call, deployment)
    rows = []
    for instance in call.store.instances.list(deployment=deployment.name):
        active = next((vm for vm in by_instance.get(instance.uuid, []) if vm.active), None)
        rows.append(_vm_body(instance, active) | {"expects_vm": expects_vm(instance)})
    return json_reply(rows)


def expects_vm(instance: records.Instance) -> bool:
    """Whether the health monitor misses its VM when there is none."""
    return instance.lifecycle == "service" and instance.state in {"started", "stopped"}


def _stats(call: Call, deployment: records.Deployment, kind: str) -> Response:
    arguments = {"kind": kind, "format": "full"}
    return enqueue(call, "vms", "retrieve vm-stats", arguments, deployment=deployment.name, queue=engine.URGENT)


def one(call: Call) -> Response:
    deployment = call.deployment("admin")
    instance = find(call, deployment, call.path("group"), call.path("instance"))
    disks = call.store.disks.list(instance_uuid=instance.uuid, orphaned_at=None)
    return json_reply(
        {
            "deployment": deployment.name,
            "job": instance.group,
            "index": instance.index,
            "id": instance.uuid,
            "state": instance.state,
            "disks": [disk.cid for disk in disks if disk.cid],
        }
    )


def act(call: Call) -> Response:
    """One instance, without converging the deployment."""
    deployment, action = call.deployment("admin"), call.path("action")
    if action not in _ACTIONS:
        raise Answer(404, f"Endpoint '{call.request.url.path}' not found.")
    instance = find(call, deployment, call.path("group"), call.path("instance"))
    arguments = {
        "group": instance.group,
        "instance": instance.uuid,
        "action": action,
        "skip_drain": call.flag("skip_drain"),
        "hard": call.flag("hard") or action == "recreate",
        "ignore_unresponsive_agent": call.flag("ignore_unresponsive_agent"),
    }
    return enqueue(call, "update_instance", f"{action} instance", arguments, deployment=deployment.name)


def logs(call: Call) -> Response:
    deployment = call.deployment("admin")
    group, index_or_id = call.path("group"), call.path("instance")
    with_vm = {
        vm.instance_uuid for vm in call.store.vms.list(deployment=deployment.name, active=True, orphaned_at=None)
    }
    chosen = [each.uuid for each in _matching(call, deployment, group, index_or_id) if each.uuid in with_vm]
    if not chosen:
        raise BoshError(
            f"No appropriate instance with a VM was found in deployment '{deployment.name}'", code=500000, status=500
        )
    arguments = {
        "instances": chosen,
        "log_type": call.query("type").strip(),
        "filters": [word for word in re.split(r"[\s,]+", call.query("filters").strip()) if word],
    }
    return enqueue(call, "fetch_logs", "fetch logs", arguments, deployment=deployment.name)


def _matching(call: Call, deployment: records.Deployment, group: str, index_or_id: str) -> list[records.Instance]:
    if group != "*" and index_or_id != "*":
        return [find(call, deployment, group, index_or_id)]
    filters: dict[str, Any] = {} if group == "*" else {"group": group}
    if index_or_id != "*":
        filters["uuid"] = index_or_id
    found = list(call.store.instances.list(deployment=deployment.name, **filters))
    if not found:
        raise InstanceNotFound(f"No instances matched {filters or deployment.name}")
    return found


async def ssh(call: Call) -> Response:
    deployment, payload = call.deployment("admin"), await call.json_object()
    command, target = str(payload.get("command", "")), payload.get("target") or {}
    arguments = {"command": command, "target": target, "params": payload.get("params") or {}}
    description = f"ssh: {command}:{target}"
    return enqueue(call, "ssh", description, arguments, deployment=deployment.name, queue=engine.URGENT)


async def ignore(call: Call) -> Response:
    deployment, payload = call.deployment("admin"), await call.json_object()
    instance = find(call, deployment, call.path("group"), call.path("instance"))
    call.store.instances.update(instance.id, ignored=payload.get("ignore") is True)
    return empty(200)


def resurrection(_call: Call) -> Response:
    raise Answer(410, _GONE)


# --- snapshots


def snapshots(call: Call) -> Response:
    deployment = call.deployment("admin")
    filters: dict[str, Any] = {}
    if "group" in call.request.path_params:
        filters["group"] = call.path("group")
        key = call.path("instance")
        filters |= {"index": int(key)} if key.isdecimal() else {"uuid": key}
    by_uuid = {each.uuid: each for each in call.store.instances.list(deployment=deployment.name, **filters)}
    return json_reply(
        [
            {
                "job": by_uuid[snapshot.instance_uuid].group,
                "index": by_uuid[snapshot.instance_uuid].index,
                "uuid": snapshot.instance_uuid,
                "snapshot_cid": snapshot.cid,
                "created_at": times.ruby(snapshot.created_at),
                "clean": snapshot.clean,
            }
            for snapshot in call.store.snapshots.list(deployment=deployment.name)
            if snapshot.instance_uuid in by_uuid
        ]
    )


def take_snapshots(call: Call) -> Response:
    deployment = call.deployment("admin")
    return enqueue(call, "snapshot_deployment", "snapshot deployment", {}, deployment=deployment.name)


def take_snapshot(call: Call) -> Response:
    deployment = call.deployment("admin")
    instance = find(call, deployment, call.path("group"), call.path("instance"))
    arguments = {"instance": instance.uuid}
    return enqueue(call, "create_snapshot", "create snapshot", arguments, deployment=deployment.name)


def delete_snapshots(call: Call) -> Response:
    deployment = call.deployment("admin")
    return enqueue(call, "delete_deployment_snapshots", "delete deployment snapshots", {}, deployment=deployment.name)


def delete_snapshot(call: Call) -> Response:
    deployment, cid = call.deployment("admin"), call.path("cid")
    if not call.store.snapshots.count(cid=cid):
        raise SnapshotNotFound(f"snapshot {cid} not found")
    if not call.store.snapshots.count(cid=cid, deployment=deployment.name):
        raise SnapshotNotFound(f"snapshot {cid} not found in deployment {deployment.name}")
    return enqueue(call, "delete_snapshot", "delete snapshot", {"snapshot_cids": [cid]}, deployment=deployment.name)


_D = "/deployments/{deployment}"
_JSON = ("application/json",)

ENDPOINTS: list[Endpoint] = [
    endpoint("GET", f"{_D}/vms", vms, ""),
    endpoint("GET", f"{_D}/instances", instances, ""),
    endpoint("GET", f"{_D}/jobs/{{group}}/{{instance}}", one, ""),
    endpoint("POST", f"{_D}/instance_groups/{{group}}/{{instance}}/actions/{{action}}", act, ""),
    endpoint("PUT", f"{_D}/instance_groups/{{group}}/{{instance}}/ignore", ignore, "", consumes=_JSON),
    endpoint("GET", f"{_D}/jobs/{{group}}/{{instance}}/logs", logs, ""),
    endpoint("PUT", f"{_D}/jobs/{{group}}/{{instance}}/resurrection", resurrection, ""),
    endpoint("POST", f"{_D}/ssh", ssh, "", consumes=_JSON),
    endpoint("GET", f"{_D}/snapshots", snapshots, ""),
    endpoint("POST", f"{_D}/snapshots", take_snapshots, ""),
    endpoint("DELETE", f"{_D}/snapshots", delete_snapshots, ""),
    endpoint("DELETE", f"{_D}/snapshots/{{cid:path}}", delete_snapshot, ""),
    endpoint("GET", f"{_D}/jobs/{{group}}/{{instance}}/snapshots", snapshots, ""),
    endpoint("POST", f"{_D}/jobs/{{group}}/{{instance}}/snapshots", take_snapshot, ""),
]
