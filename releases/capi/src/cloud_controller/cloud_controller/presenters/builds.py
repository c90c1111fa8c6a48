"""Packages, builds and droplets."""

from __future__ import annotations

from cloud_controller.presenters.apps import HIDDEN_IN_LISTS, lifecycle
from cloud_controller.presenters.common import href, metadata, times, to_one
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call


def packages(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of packages."""
    meta = metadata(call, "package", records)
    return [_package(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _package(call: Call, record: Record) -> Record:
    base = f"packages/{record['guid']}"
    links = {"self": href(call, base), "app": href(call, f"apps/{record['app_guid']}")}
    if record["type"] == "bits":
        links["upload"] = href(call, f"{base}/upload", "POST")
        links["download"] = href(call, f"{base}/download", "GET")
        checksum = {"type": "sha256", "value": record["sha256"]}
        data: Record = {"error": record["error"], "checksum": checksum}
    else:
        password = "***" if record["password_sealed"] else None
        data = {"image": record["image"], "username": record["username"], "password": password}
    return {
        **times(record),
        "type": record["type"],
        "state": record["state"],
        "data": data,
        "relationships": {"app": to_one(record["app_guid"])},
        "links": links,
    }


def builds(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of builds."""
    meta = metadata(call, "build", records)
    droplets = call.store.many(t.droplets, (record["droplet_guid"] for record in records))
    return [
        _build(call, record, droplets.get(record["droplet_guid"] or "")) | {"metadata": meta[record["guid"]]}
        for record in records
    ]


def _build(call: Call, record: Record, droplet: Record | None) -> Record:
    links = {"self": href(call, f"builds/{record['guid']}"), "app": href(call, f"apps/{record['app_guid']}")}
    done = droplet is not None and droplet["state"] == "STAGED"
    if done:
        links["droplet"] = href(call, f"droplets/{record['droplet_guid']}")
    return {
        **times(record),
        "created_by": {
            "guid": record["created_by_guid"],
            "name": record["created_by_name"],
            "email": record["created_by_email"],
        },
        "state": record["state"],
        "staging_memory_in_mb": record["staging_memory_in_mb"],
        "staging_disk_in_mb": record["staging_disk_in_mb"],
        "staging_log_rate_limit_bytes_per_second": record["staging_log_rate_limit"],
        "error": _build_error(record),
        "lifecycle": lifecycle(record),
        "package": {"guid": record["package_guid"]},
        "droplet": {"guid": record["droplet_guid"]} if done else None,
        "relationships": {"app": to_one(record["app_guid"])},
        "links": links,
    }


def _build_error(record: Record) -> str | None:
    if not record["error_id"]:
        return None
    text = record["error_description"] or ""
    return f"{record['error_id']} - {text}" if text else str(record["error_id"])


def droplet_list(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of droplets in a list: what runs is hidden."""
    return [body | _hidden(body) for body in droplets(call, records)]


def _hidden(body: Record) -> Record:
    kinds = body["process_types"]
    hidden = {"redacted_message": HIDDEN_IN_LISTS} if kinds is not None else None
    return {"process_types": hidden, "execution_metadata": HIDDEN_IN_LISTS}


def droplets(call: Call, records: list[Record]) -> list[Record]:
    """Bodies of droplets."""
    meta = metadata(call, "droplet", records)
    return [_droplet(call, record) | {"metadata": meta[record["guid"]]} for record in records]


def _droplet(call: Call, record: Record) -> Record:
    base, app = f"droplets/{record['guid']}", f"apps/{record['app_guid']}"
    links = {
        "self": href(call, base),
        "app": href(call, app),
        "assign_current_droplet": href(call, f"{app}/relationships/current_droplet", "PATCH"),
    }
    if record["package_guid"]:
        links["package"] = href(call, f"packages/{record['package_guid']}")
    if record["state"] == "AWAITING_UPLOAD":
        links["upload"] = href(call, f"{base}/upload", "POST")
    if record["blob_key"]:
        links["download"] = href(call, f"{base}/download")
    return {
        **times(record),
        "state": record["state"],
        "error": record["error"],
        "lifecycle": {"type": record["lifecycle_type"], "data": {}},
        "execution_metadata": record["execution_metadata"] or "",
        "process_types": record["process_types"],
        "checksum": {"type": "sha256", "value": record["sha256"]} if record["sha256"] else None,
        "buildpacks": record["buildpacks"],
        "stack": record["stack"],
        "image": record["image"],
        "relationships": {"app": to_one(record["app_guid"])},
        "links": links,
    }
