"""/cleanup and /resources (bosh: cleanup_controller.rb, resources_controller.rb)."""

from __future__ import annotations

from typing import Any

from starlette.responses import FileResponse, Response

from bosh.clients.blobstore import blob_path
from bosh.director import leftovers, places
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply
from bosh.director.api.disks import disk_body, vm_body
from bosh.director.api.enqueue import enqueue
from bosh.wire.errors import ResourceNotFound


async def clean_up(call: Call) -> Response:
    config = (await call.json_object()).get("config") or {}
    arguments = {
        "remove_all": config.get("remove_all") is True,
        "keep_orphaned_disks": config.get("keep_orphaned_disks") is True,
    }
    return enqueue(call, "delete_artifacts", "clean up all" if arguments["remove_all"] else "clean up", arguments)


def dry_run(call: Call) -> Response:
    found = leftovers.find(
        call.store,
        remove_all=call.flag("remove_all"),
        keep_orphaned_disks=call.flag("keep_orphaned_disks"),
        now=call.desk.clock.now(),
    )
    versions: dict[str, list[str]] = {}
    for row in found.releases:
        versions.setdefault(row.release, []).append(row.version)
    stemcells: dict[tuple[str, str], dict[str, Any]] = {
        (row.name, row.version): {"name": row.name, "version": row.version, "operating_system": row.os, "cid": row.cid}
        for row in found.stemcells
    }
    return json_reply(
        {
            "releases": [{"name": name, "versions": each} for name, each in versions.items()],
            "stemcells": list(stemcells.values()),
            "compiled_packages": [
                {
                    "package_name": row.package_name,
                    "stemcell_os": row.stemcell_os,
                    "stemcell_version": row.stemcell_version,
                }
                for row in found.compiled
            ],
            "orphaned_disks": [disk_body(disk) for disk in found.disks],
            "orphaned_vms": [vm_body(vm) for vm in found.vms],
            "exported_releases": [blob.blobstore_id for blob in found.exported],
            "dns_blobs": [row.blobstore_id for row in found.dns],
        }
    )


def resource(call: Call) -> Response:
    """A blob: logs, an exported release."""
    blob_id = call.path("id")
    path = blob_path(places.blobs(call.desk.config), blob_id)
    if not path.is_file():
        raise ResourceNotFound(f"Could not fetch resource '{blob_id}': it is not in the blobstore")
    return FileResponse(path, media_type="application/x-gzip")


ENDPOINTS: list[Endpoint] = [
    endpoint("POST", "/cleanup", clean_up, consumes=("application/json",)),
    endpoint("GET", "/cleanup/dryrun", dry_run),
    endpoint("GET", "/resources/{id}", resource, "create_deployment"),
]
