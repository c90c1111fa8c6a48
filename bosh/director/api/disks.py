"""/disks, /orphan_disks, /orphaned_vms, /vms (bosh: disks_controller.rb, orphan_disks_controller.rb, vms_controller.rb)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply
from bosh.director.api.enqueue import enqueue
from bosh.director.api.instances import find, ips_of
from bosh.director.tasks.orphans import refuse_disks_in_use
from bosh.state import records
from bosh.state.contract import Store
from bosh.wire.director_api import times


def disk_body(disk: records.Disk) -> dict[str, Any]:
    """An orphaned disk."""
    return {
        "disk_cid": disk.cid,
        "size": disk.size_mb,
        "az": disk.az or None,
        "deployment_name": disk.deployment,
        "instance_name": disk.instance_name or f"{disk.group}/{disk.instance_uuid}",
        "cloud_properties": disk.cloud_properties,
        "orphaned_at": times.ruby(disk.orphaned_at) if disk.orphaned_at else "",
    }


def vm_body(vm: records.Vm) -> dict[str, Any]:
    """An orphaned VM."""
    return {
        "az": vm.az or None,
        "cid": vm.cid,
        "deployment_name": vm.deployment,
        "instance_name": f"{vm.group}/{vm.instance_uuid}" if vm.instance_uuid else vm.group,
        "ip_addresses": ips_of(vm),
        "orphaned_at": times.ruby(vm.orphaned_at) if vm.orphaned_at else "",
    }


def orphaned_disks(store: Store) -> list[records.Disk]:
    return [disk for disk in store.disks.list() if disk.orphaned_at is not None]


def orphaned_vms(store: Store) -> list[records.Vm]:
    return [vm for vm in store.vms.list() if vm.orphaned_at is not None]


def disks(call: Call) -> Response:
    return json_reply([disk_body(disk) for disk in orphaned_disks(call.store)])


def vms(call: Call) -> Response:
    return json_reply([vm_body(vm) for vm in orphaned_vms(call.store)])


def attach(call: Call) -> Response:
    deployment = call.deployment("admin", call.query("deployment"))
    group, cid = call.query("job"), call.path("cid")
    instance = find(call, deployment, group, call.query("instance_id"))
    arguments = {
        "disk_cid": cid,
        "group": group,
        "instance": instance.uuid,
        "disk_properties": call.query("disk_properties"),
    }
    description = f"attach disk '{cid}' to '{group}/{call.query('instance_id')}'"
    return enqueue(call, "attach_disk", description, arguments, deployment=deployment.name)


def delete_or_orphan(call: Call) -> Response:
    if call.query("orphan") not in {"", "false"}:
        return enqueue(call, "orphan_disk", "orphan disk", {"disk_cid": call.path("cid")})
    return delete_orphan(call)


def delete_orphan(call: Call) -> Response:
    refuse_disks_in_use(call.store, [call.path("cid")])
    return enqueue(call, "delete_orphan_disks", "delete orphan disks", {"disk_cids": [call.path("cid")]})


def delete_vm(call: Call) -> Response:
    cid = call.path("cid")
    vm = call.store.vms.get(cid=cid)
    deployment = vm.deployment if vm is not None else ""
    return enqueue(call, "delete_vm", f"delete vm {cid}", {"vm_cid": cid}, deployment=deployment)


# Names that clouds give may hold slashes.
ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/disks", disks),
    endpoint("PUT", "/disks/{cid:path}/attachments", attach),
    endpoint("DELETE", "/disks/{cid:path}", delete_or_orphan),
    endpoint("GET", "/orphan_disks", disks),
    endpoint("DELETE", "/orphan_disks/{cid:path}", delete_orphan),
    endpoint("GET", "/orphaned_vms", vms),
    endpoint("DELETE", "/vms/{cid:path}", delete_vm),
]
