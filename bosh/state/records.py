"""What the director remembers: one frozen record per row, one table per record.

``Store`` (bosh/state/contract.py) keeps them in SQL. Times are aware UTC datetimes. ``Json`` columns hold plain dicts, lists and scalars.
A record's ``id`` of 0 means "not stored yet"; ``insert`` returns the stored record with its number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class DirectorAttribute:
    """Key and value about the director itself: ``uuid``, ``resurrection_paused``."""

    name: str
    value: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class Deployment:
    name: str
    manifest: str = ""
    """Manifest text of the last successful deploy, ops and CLI variables applied; empty before the first success."""
    desired_manifest: str = ""
    """Manifest text of the last attempt."""
    releases: Json = field(default_factory=list)
    """[{name, version}] in use."""
    stemcells: Json = field(default_factory=list)
    """[{name, os, version}] in use."""
    config_ids: Json = field(default_factory=list)
    """Ids of the cloud and runtime configs used."""
    links: Json = field(default_factory=list)
    """Resolved links of the last success, see ``plan.model.Layout.links``."""
    providers: Json = field(default_factory=list)
    """Links provided, see ``plan.model.SharedProvider``."""
    variable_set: int = 0
    teams: Json = field(default_factory=list)
    tags: Json = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    uuid: str
    deployment: str
    group: str
    index: int
    az: str = ""
    bootstrap: bool = False
    state: str = "started"
    lifecycle: str = "service"
    spec: Json = field(default_factory=dict)
    """Apply spec last applied with success."""
    env: Json = field(default_factory=dict)
    cloud_properties: Json = field(default_factory=dict)
    dirty: bool = False
    ignored: bool = False
    tags: Json = field(default_factory=dict)
    variable_set: int = 0
    dns_num: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM that exists or may exist: the row is written before ``create_vm`` is called (``cid`` empty), so nothing is lost."""

    agent_id: str
    instance_uuid: str
    """Empty for compilation VMs."""
    deployment: str
    cid: str = ""
    cpi: str = ""
    active: bool = True
    stemcell_name: str = ""
    stemcell_version: str = ""
    stemcell_api_version: int = 1
    cloud_properties: Json = field(default_factory=dict)
    env: Json = field(default_factory=dict)
    network_settings: Json = field(default_factory=dict)
    created_at: datetime | None = None
    orphaned_at: datetime | None = None
    group: str = ""
    """Instance group name, ``compilation-<uuid>`` for compilation VMs."""
    az: str = ""
    id: int = 0
    trusted_certs_sha1: str = ""
    """Of what ``update_settings`` last sent it, as the next two."""
    blobstore_config_sha1: str = ""
    nats_config_sha1: str = ""
    temporary: bool = False
    """It goes when the task that needs it ends. One found later was left by a task that could not end itself."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A persistent disk; as with VMs the row comes first. ``orphaned_at`` set: belongs to nobody, kept for a while."""

    key: str
    """A uuid given before the cloud names it."""
    cid: str
    deployment: str
    instance_uuid: str
    group: str
    size_mb: int
    cloud_properties: Json = field(default_factory=dict)
    name: str = ""
    active: bool = True
    cpi: str = ""
    az: str = ""
    instance_name: str = ""
    orphaned_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    cid: str
    disk_cid: str
    deployment: str
    instance_uuid: str
    clean: bool
    created_at: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class IpAddress:
    """A reserved address; unique over all deployments. Compilation VMs reserve with ``instance_uuid`` empty and their agent id."""

    ip: str
    network: str
    deployment: str
    instance_uuid: str = ""
    agent_id: str = ""
    kind: str = "automatic"
    task_id: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    name: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseVersion:
    release: str
    version: str
    commit_hash: str = ""
    uncommitted_changes: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class JobTemplate:
    """A job of a release version; ``spec`` is its job.MF as JSON."""

    release: str
    release_version: str
    name: str
    fingerprint: str
    sha1: str
    blobstore_id: str
    spec: Json = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Package:
    release: str
    release_version: str
    name: str
    fingerprint: str
    sha1: str = ""
    blobstore_id: str = ""
    dependencies: Json = field(default_factory=list)
    id: int = 0


@dataclass(frozen=True, slots=True)
class CompiledPackage:
    package_name: str
    package_fingerprint: str
    dependency_key: str
    stemcell_os: str
    stemcell_version: str
    sha1: str
    blobstore_id: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class Stemcell:
    name: str
    os: str
    version: str
    cid: str
    cpi: str = ""
    sha1: str = ""
    api_version: int = 1
    id: int = 0


@dataclass(frozen=True, slots=True)
class StemcellUpload:
    """This stemcell was offered to this CPI, which may have refused its format; it need not be offered again."""

    name: str
    version: str
    cpi: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Config:
    """One version of a config; the newest undeleted of (type, name) is current."""

    type: str
    name: str
    content: str
    created_at: datetime
    deleted: bool = False
    team: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    type: str
    """``update_deployment``, ``vms`` …"""
    state: str
    """``queued processing done error cancelled cancelling timeout``"""
    description: str
    username: str
    created_at: datetime
    queue: str = "normal"
    """``normal`` or ``urgent``."""
    deployment: str = ""
    context_id: str = ""
    arguments: Json = field(default_factory=dict)
    """What the worker needs to do it; manifests live here, secrets do not."""
    result: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    checkpoint_at: datetime | None = None
    worker: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    action: str
    object_type: str
    timestamp: datetime
    user: str
    parent_id: int = 0
    object_name: str = ""
    error: str = ""
    task: str = ""
    deployment: str = ""
    instance: str = ""
    context: Json = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    name: str
    """``lock:deployment:nats``"""
    uid: str
    task_id: str
    expires_at: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class VariableValue:
    """One generated or set value; the newest of a name is current. Values are JSON text, never logged."""

    name: str
    value: Json
    created_at: datetime
    type: str = "value"
    options: Json = field(default_factory=dict)
    deployment: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class VariableUse:
    """Which value a deployment's variable set holds under a name."""

    deployment: str
    set_id: int
    name: str
    value_id: int
    id: int = 0


@dataclass(frozen=True, slots=True)
class DnsBlob:
    blobstore_id: str
    sha1: str
    version: int
    created_at: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class DnsNumber:
    """A number that stands for a name in DNS queries, given once and director-wide; see ``plan.model.DnsIds``."""

    space: str
    """``az``, ``network``, ``instance`` or ``group``: numbers are unique within one."""
    key: str
    """The name; of a group, ``[kind, name, deployment]`` as JSON."""
    number: int
    id: int = 0


@dataclass(frozen=True, slots=True)
class ErrandRun:
    deployment: str
    errand: str
    hash: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob with a life of its own: log bundles, exported releases, cleaned up by age."""

    blobstore_id: str
    sha1: str
    type: str
    created_at: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What a cloud check found; closed when resolved or when the next scan begins."""

    deployment: str
    type: str
    """``missing_vm``, ``unresponsive_agent``, ``missing_disk``, ``inactive_disk``, ``mount_info_mismatch``."""
    description: str
    created_at: datetime
    resource_id: int = 0
    """Id of the VM's or disk's row; the instance's for a missing VM."""
    state: str = "open"
    data: Json = field(default_factory=dict)
    resolutions: Json = field(default_factory=list)
    """[{name, plan}] as offered to the operator; the plan's name marks a resolution in requests."""
    instance_group: str = ""
    id: int = 0
