"""Is everything owned? Compares what a director remembers with what its fake cloud, its disk and its bus have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bosh.clients.cpi_journal import Journal
from bosh.director import bus, places
from bosh.director.config import Config
from bosh.state.sql import SqlStore

_RUNNING = ("queued", "processing", "cancelling")


def unowned(store: SqlStore, config: Config, cloud: Path) -> list[str]:
    """Everything that has no owner, or is owned twice, one line each; for a moment at which no task runs."""
    return [
        *_vms(store, cloud),
        *_disks(store, cloud),
        *_addresses(store, cloud),
        *_instances(store),
        *_stemcells(store, cloud),
        *_tasks(store, config),
        *_blobs(store, config),
        *_bus_users(store, config),
    ]


def records_of(cloud: Path, noun: str) -> dict[str, dict[str, Any]]:
    """The fake cloud's things by cid."""
    pattern = "*/vm.json" if noun == "vms" else "[!.]*.json"
    paths = (cloud / noun).glob(pattern)
    return {path.parent.name if noun == "vms" else path.stem: json.loads(path.read_text()) for path in paths}


def _vms(store: SqlStore, cloud: Path) -> Iterator[str]:
    there, rows = records_of(cloud, "vms"), store.vms.list()
    yield from (f"VM {row.agent_id} of {row.group} has no name" for row in rows if not row.cid)
    named = {row.cid: row for row in rows if row.cid}
    yield from (f"VM {cid} is in the cloud and belongs to nobody" for cid in there.keys() - named.keys())
    yield from (f"VM {cid} is remembered and not in the cloud" for cid in named.keys() - there.keys())
    for cid in there.keys() & named.keys():
        if there[cid]["agent_id"] != named[cid].agent_id:
            yield f"VM {cid} has agent {there[cid]['agent_id']} and is remembered with {named[cid].agent_id}"
    known = {instance.uuid for instance in store.instances.list()}
    for row in rows:
        if row.instance_uuid not in known:
            yield f"VM {row.cid} of {row.group} belongs to no instance"


def _disks(store: SqlStore, cloud: Path) -> Iterator[str]:
    there, rows = records_of(cloud, "disks"), store.disks.list()
    yield from (f"disk {row.key} of {row.group} has no name" for row in rows if not row.cid)
    named = {row.cid: row for row in rows if row.cid}
    yield from (f"disk {cid} is in the cloud and belongs to nobody" for cid in there.keys() - named.keys())
    yield from (f"disk {cid} is remembered and not in the cloud" for cid in named.keys() - there.keys())
    vms = {vm.instance_uuid: vm.cid for vm in store.vms.list(active=True)}
    for cid in there.keys() & named.keys():
        row, attached = named[cid], there[cid]["vm"]
        wanted = vms.get(row.instance_uuid) if row.active and row.orphaned_at is None else None
        if attached != wanted:
            yield f"disk {cid} is attached to {attached} and should be to {wanted}"
        if not row.active and row.orphaned_at is None:
            yield f"disk {cid} of {row.instance_name} is neither active nor orphaned"


def _addresses(store: SqlStore, cloud: Path) -> Iterator[str]:
    instances = {row.uuid for row in store.instances.list()}
    agents = {row.agent_id for row in store.vms.list()}
    rows = store.ips.list()
    for row in rows:
        if not (row.instance_uuid in instances or row.agent_id in agents):
            yield f"address {row.ip} belongs to nobody"
    reserved = {row.ip for row in rows}
    for ip, record in records_of(cloud, "addresses").items():
        if ip not in reserved:
            yield f"address {ip} is used by {record['vm']} and not reserved"


def _instances(store: SqlStore) -> Iterator[str]:
    deployments = {row.name for row in store.deployments.list()}
    rows = store.instances.list()
    for row in rows:
        vms = [vm.cid for vm in store.vms.list(instance_uuid=row.uuid)]
        if row.deployment not in deployments:
            yield f"instance {row.group}/{row.uuid} belongs to no deployment"
        if row.lifecycle == "service" and row.state == "started" and len(vms) != 1:
            yield f"instance {row.group}/{row.uuid} has VMs {vms}"
    known = {row.uuid for row in rows}
    numbers = store.dns_numbers.list(space="instance")
    yield from (f"DNS number {row.number} of {row.key} belongs to nobody" for row in numbers if row.key not in known)


def _stemcells(store: SqlStore, cloud: Path) -> Iterator[str]:
    there, known = set(records_of(cloud, "stemcells")), {row.cid for row in store.stemcells.list()}
    yield from (f"stemcell {cid} is in the cloud and belongs to nobody" for cid in there - known)
    yield from (f"stemcell {cid} is remembered and not in the cloud" for cid in known - there)


def _tasks(store: SqlStore, config: Config) -> Iterator[str]:
    yield from (f"lock {row.name} is held by task {row.task_id}" for row in store.locks.list())
    yield from (f"task {row.id} is {row.state}" for row in store.tasks.list(state=list(_RUNNING)))
    here = places.places(config)
    for folder in (here.work, here.uploads):
        yield from (f"left over: {path}" for path in folder.iterdir())
    yield from (f"lost call: {entry.method} for {entry.key}" for entry in Journal(here.calls).lost())


def _blobs(store: SqlStore, config: Config) -> Iterator[str]:
    known = used_blobs(store)
    root = places.blobs(config)
    there = {path.name: path for path in root.rglob("*") if path.is_file()} if root.is_dir() else {}
    yield from (f"blob {there[name]} belongs to nobody" for name in there.keys() - known)
    yield from (f"blob {name} is remembered and not there" for name in known - there.keys())
    yield from (f"blob {row.blobstore_id} is still {row.type}" for row in store.blobs.list(type="uploading"))


def used_blobs(store: SqlStore) -> set[str]:
    """Blob ids that some row names."""
    tables: tuple[Any, ...] = (
        store.packages,
        store.job_templates,
        store.compiled_packages,
        store.dns_blobs,
        store.blobs,
    )
    ids = {row.blobstore_id for table in tables for row in table.list()}
    archives = (row.spec.get("rendered_templates_archive") or {} for row in store.instances.list())
    return {*ids, *(archive.get("blobstore_id", "") for archive in archives)} - {""}


def _bus_users(store: SqlStore, config: Config) -> Iterator[str]:
    wanted = {user["user"] for user in bus.users(row.agent_id for row in store.vms.list())}
    lines = bus.users_file(config).read_text().splitlines()
    told = {json.loads(line.rstrip(","))["user"] for line in lines if line.startswith("{")}
    yield from (f"the bus lets in {user}, who is nobody" for user in told - wanted)
    yield from (f"the bus does not let in {user}" for user in wanted - told)
