"""``Desired``: everything the operator wants, parsed, resolved and free of faults.

Made from the deployment manifest, ops files, cloud, runtime and CPI configs and the catalog of what has been uploaded. Values under
``properties`` and ``env`` may still hold ``((variable))`` references; they are resolved when templates are rendered and when a VM is
created, so that no secret lives here. Sizes of disks are MiB, watch times are milliseconds, as in the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any
"""A YAML value of strings, numbers, booleans, None, lists and string-keyed maps."""

Properties = Mapping[str, Json]


# --- what has been uploaded ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A ``consumes`` or ``provides`` entry of a job's spec."""

    name: str
    type: str
    optional: bool = False
    properties: tuple[str, ...] = ()
    """Dotted names that a provider shares."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job of one release version, as its ``job.MF`` says."""

    name: str
    release: str
    release_version: str
    fingerprint: str
    sha1: str
    """Digest text of the job archive."""
    blobstore_id: str
    templates: Mapping[str, str] = field(default_factory=dict)
    """Source path → destination path."""
    packages: tuple[str, ...] = ()
    properties: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Dotted name → {description, default, example, type}."""
    properties_schema: Mapping[str, Json] | None = None
    consumes: tuple[LinkSpec, ...] = ()
    provides: tuple[LinkSpec, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Package:
    """One package of one release version, in source or compiled form."""

    name: str
    release: str
    release_version: str
    fingerprint: str
    sha1: str
    """Digest text of the source archive; empty when only compiled forms exist."""
    blobstore_id: str
    dependencies: tuple[str, ...] = ()
    """Names of packages of the same release version."""


@dataclass(frozen=True, slots=True)
class Release:
    """One uploaded release version, with everything in it."""

    name: str
    version: str
    jobs: Mapping[str, JobSpec] = field(default_factory=dict)
    packages: Mapping[str, Package] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StemcellImage:
    """One uploaded stemcell on one CPI."""

    name: str
    os: str
    version: str
    cid: str
    cpi: str = ""
    """CPI name; empty for the default CPI."""
    api_version: int = 1


@dataclass(frozen=True, slots=True)
class CompiledPackage:
    """A package compiled for one stemcell line."""

    package_fingerprint: str
    dependency_key: str
    """JSON of the nested ``[name, fingerprint, [dependencies…]]``, sorted; see ``bosh.plan.compilation.dependency_key``."""
    stemcell_os: str
    stemcell_version: str
    sha1: str
    blobstore_id: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """What has been uploaded to the director."""

    releases: tuple[Release, ...] = ()
    stemcells: tuple[StemcellImage, ...] = ()
    compiled: tuple[CompiledPackage, ...] = ()


# --- cloud config -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Az:
    name: str
    cpi: str = ""
    cloud_properties: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A manual subnet, or the single part of a dynamic or vip network (``range`` empty)."""

    range: str = ""
    """CIDR."""
    gateway: str = ""
    dns: tuple[str, ...] = ()
    reserved: tuple[tuple[int, int], ...] = ()
    """Inclusive address intervals as integers, sorted, never enumerated: an IPv6 range has 2^64 of them. The gateway, the network's
    first and last address and the director's own addresses are among them."""
    static: tuple[tuple[int, int], ...] = ()
    azs: tuple[str, ...] = ()
    """Empty when the subnet names no AZ."""
    cloud_properties: Properties = field(default_factory=dict)
    prefix: int = 0
    """Length of the prefix that each VM is given whole; 0 for single addresses."""
    name: str = ""
    """Of a managed network's subnet."""
    netmask_bits: int = 0
    """Of a managed network's subnet whose range the CPI chooses."""


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    type: Literal["manual", "dynamic", "vip"] = "manual"
    subnets: tuple[Subnet, ...] = ()
    dns: tuple[str, ...] = ()
    cloud_properties: Properties = field(default_factory=dict)
    managed: bool = False


@dataclass(frozen=True, slots=True)
class VmRequest:
    """How big and special a VM is to be: a ``vm_type`` with extensions merged, or ``vm_resources`` for the CPI to translate."""

    vm_type: str = ""
    vm_extensions: tuple[str, ...] = ()
    cloud_properties: Properties = field(default_factory=dict)
    """Of the vm_type and its extensions merged, later ones win; AZ properties are merged below these when a VM is created."""
    vm_resources: Mapping[str, int] | None = None
    """``cpu``, ``ram`` MiB, ``ephemeral_disk_size`` MiB."""


@dataclass(frozen=True, slots=True)
class Compilation:
    workers: int
    network: str
    vm: VmRequest
    az: str = ""
    env: Properties = field(default_factory=dict)
    reuse_compilation_vms: bool = False
    orphan_workers: bool = False


# --- deployment manifest ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StemcellChoice:
    """A manifest's stemcell, its version resolved to one that is uploaded."""

    alias: str
    os: str
    name: str
    version: str
    api_version: int = 1


@dataclass(frozen=True, slots=True)
class Amount:
    """``3`` or ``20%``: a number of instances or a share of them."""

    value: int
    percent: bool = False

    def of(self, count: int, *, least: int) -> int:
        """That many of ``count``, percentages rounded down, at least ``least``."""
        return max(least, count * self.value // 100 if self.percent else self.value)


@dataclass(frozen=True, slots=True)
class WatchTime:
    """Milliseconds: wait the minimum, then poll until running or the maximum is over."""

    min_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class Update:
    canaries: Amount
    max_in_flight: Amount
    canary_watch_time: WatchTime
    update_watch_time: WatchTime
    serial: bool = True
    vm_strategy: Literal["delete-create", "create-swap-delete"] = "delete-create"
    initial_deploy_az_update_strategy: Literal["serial", "parallel"] = "serial"


@dataclass(frozen=True, slots=True)
class Consume:
    """How a job's ``consumes`` entry is to be satisfied."""

    link: str
    source: str = ""
    """``from``; empty for an implicit link."""
    deployment: str = ""
    network: str = ""
    blocked: bool = False
    """``nil``: an optional link that must stay unset."""
    manual: Mapping[str, Json] | None = None
    """``{instances, properties, address}`` written by hand."""
    ip_addresses: bool | None = None


@dataclass(frozen=True, slots=True)
class Provide:
    """How a job's ``provides`` entry is offered."""

    link: str
    as_name: str = ""
    shared: bool = False
    blocked: bool = False
    aliases: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class CustomProvider:
    name: str
    type: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A job on an instance group. ``spec`` is the release's description of it."""

    name: str
    release: str
    spec: JobSpec
    properties: Properties = field(default_factory=dict)
    consumes: Mapping[str, Consume] = field(default_factory=dict)
    provides: Mapping[str, Provide] = field(default_factory=dict)
    custom_providers: tuple[CustomProvider, ...] = ()
    addon: str = ""
    """Name of the addon that put it here, if one did."""


@dataclass(frozen=True, slots=True)
class DiskRequest:
    """A persistent disk. ``name`` is empty for the group's one formatted disk."""

    size_mb: int
    cloud_properties: Properties = field(default_factory=dict)
    name: str = ""
    type_name: str = ""


@dataclass(frozen=True, slots=True)
class GroupNetwork:
    name: str
    static_ips: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    """Of ``dns``, ``gateway``, ``addressable``; a group's only network has ``dns`` and ``gateway`` implied."""
    nic_group: str = ""


@dataclass(frozen=True, slots=True)
class MigratedFrom:
    name: str
    az: str = ""


@dataclass(frozen=True, slots=True)
class InstanceGroup:
    name: str
    instances: int
    jobs: tuple[Job, ...]
    vm: VmRequest
    stemcell: StemcellChoice
    networks: tuple[GroupNetwork, ...]
    update: Update
    azs: tuple[str, ...] = ()
    persistent_disks: tuple[DiskRequest, ...] = ()
    lifecycle: Literal["service", "errand"] = "service"
    env: Properties = field(default_factory=dict)
    migrated_from: tuple[MigratedFrom, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    """``started``, ``stopped`` or ``detached`` when the manifest says so."""
    instance_states: Mapping[str, str] = field(default_factory=dict)
    """The same for single instances, by index or id."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A ``variables`` entry; ``name`` is absolute (``/director/deployment/name``)."""

    name: str
    type: Literal["password", "certificate", "rsa", "ssh", "user", "json", "value"]
    options: Mapping[str, Json] = field(default_factory=dict)
    update_mode: Literal["no-overwrite", "overwrite", "converge"] = "no-overwrite"
    consumes: Mapping[str, Json] = field(default_factory=dict)
    """``alternative_name`` and ``common_name`` → {from, properties.wildcard}."""
    strategy: Literal["on-deploy", "on-stemcell-change"] = "on-deploy"


@dataclass(frozen=True, slots=True)
class Features:
    use_dns_addresses: bool | None = None
    use_short_dns_addresses: bool = False
    use_link_dns_names: bool = False
    randomize_az_placement: bool = False
    converge_variables: bool = False
    use_tmpfs_config: bool | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted of one deployment."""

    deployment: str
    releases: tuple[Release, ...]
    """The versions chosen, addons' releases included."""
    stemcells: tuple[StemcellChoice, ...]
    groups: tuple[InstanceGroup, ...]
    networks: Mapping[str, Network]
    azs: Mapping[str, Az]
    compilation: Compilation | None
    update: Update
    variables: tuple[Variable, ...] = ()
    features: Features = field(default_factory=Features)
    tags: Mapping[str, str] = field(default_factory=dict)
    exported_from: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Release → the stemcells (os, version) whose compiled packages alone may be used."""
    warnings: tuple[str, ...] = ()
    """What is odd but no fault: unknown keys, deprecated ones."""


# --- faults -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with what the operator wrote."""

    source: str
    """``manifest``, ``cloud config "default"``, an ops file's name …"""
    line: int
    """From 1; 0 when unknown (for example after an ops file created the node)."""
    column: int
    path: str
    """``instance_groups[2].networks[0].name``"""
    message: str
    """``no network "privat" (did you mean "private"?)``"""
    code: int = 440001
    """The number BOSH clients expect for this kind of fault (``bosh.wire.errors``)."""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
