"""The values between wanting and doing: ``Current``, ``Layout`` and ``Plan``.

    Desired + Current ─ lay_out → Layout ─ (render) → hashes ─ decide → Plan ─ check, describe → execution

``lay_out`` fixes who lives where: instance ids, AZs, addresses, links, the full spec of every instance. The templates of each
instance are then rendered (outside this room). ``decide`` compares with what exists and says what to do and why. No choice is left for
execution except names that a cloud invents (VM and disk CIDs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bosh.manifest.model import (
    Catalog,
    DiskRequest,
    Json,
    Package,
    Properties,
    StemcellChoice,
    Update,
    VmRequest,
)

# --- numbers of the name service ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DnsIds:
    """Numbers that stand for names in short DNS queries (``q-a1m7n2s0.q-g4.bosh``) and in the records blob.

    They are given once, from 1, director-wide, and never change: a name written into a rendered template must stay true.
    ``lay_out`` gives the missing ones; execution stores ``Layout.dns_ids`` before anything uses them.
    """

    azs: Mapping[str, int] = field(default_factory=dict)
    networks: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """(``instance-group`` or ``link``, name, deployment) → number."""
    instances: Mapping[str, int] = field(default_factory=dict)
    """Instance id → number."""


# --- what exists --------------------------------------------------------------------------------------------------------------------

InstanceState = Literal["started", "stopped", "detached"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """One address of one instance in one network.

    ``ip`` is ``10.0.0.16/28`` where the network gives each VM a whole prefix, and empty where a dynamic one has not told it yet.
    """

    network: str
    ip: str
    kind: Literal["static", "automatic", "dynamic", "vip"] = "automatic"


@dataclass(frozen=True, slots=True)
class CurrentVm:
    cid: str
    agent_id: str
    cpi: str
    stemcell_name: str
    stemcell_version: str
    cloud_properties: Properties
    """As sent to ``create_vm``, AZ properties merged in, variables still as references."""
    env: Properties
    """The manifest's env as it was, before the director's additions."""
    network_settings: Mapping[str, Json]
    created_at: str = ""
    """RFC 3339."""
    responsive: bool = True
    """Whether the agent answered when asked for its state."""
    job_state: str = ""
    """``running``, ``failing``, ``stopped`` … as the agent said; empty when it did not answer."""
    trusted_certs_sha1: str = ""
    """Of what ``update_settings`` last sent, as the next two; empty when unknown, which counts as unchanged."""
    blobstore_config_sha1: str = ""
    nats_config_sha1: str = ""


@dataclass(frozen=True, slots=True)
class CurrentDisk:
    cid: str
    size_mb: int
    cloud_properties: Properties
    name: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class CurrentInstance:
    """One instance as the director remembers it and as its agent reports it."""

    id: str
    group: str
    index: int
    az: str
    bootstrap: bool
    state: InstanceState
    vm: CurrentVm | None
    disks: tuple[CurrentDisk, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    spec: Mapping[str, Json] = field(default_factory=dict)
    """The apply spec last applied with success; empty when there was none."""
    lifecycle: Literal["service", "errand"] = "service"
    dirty: bool = False
    """The last update of it failed or was interrupted."""
    ignored: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags last sent as VM metadata."""


@dataclass(frozen=True, slots=True)
class SharedProvider:
    """A link another deployment offers with ``shared: true``."""

    deployment: str
    group: str
    job: str
    name: str
    type: str
    content: Mapping[str, Json]
    """With ``addresses`` and ``dns_addresses`` of every instance; consumers get one of them."""
    shared: bool = True
    """False for a link that only its own deployment may use; ``Current.shared_providers`` holds none of these."""
    original_name: str = ""
    """The name in the job's spec when ``name`` is an ``as``."""
    aliases: tuple[Mapping[str, Json], ...] = ()
    """DNS aliases of the manifest's ``provides``: {domain, health_filter, initial_health_check, placeholder_type}."""


@dataclass(frozen=True, slots=True)
class Current:
    """What exists of one deployment, and of others what matters to it."""

    deployment: str
    exists: bool
    """Whether the deployment was ever deployed."""
    catalog: Catalog
    instances: tuple[CurrentInstance, ...] = ()
    taken_addresses: Mapping[str, str] = field(default_factory=dict)
    """IP → owner, for addresses of *other* deployments, orphaned VMs and the director itself."""
    shared_providers: tuple[SharedProvider, ...] = ()
    """With the raw content of ``Layout.providers`` of the other deployment: both kinds of addresses in it."""
    dns_ids: DnsIds = field(default_factory=DnsIds)
    """The small numbers DNS queries are made of, of all deployments."""


# --- who lives where ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LaidJob:
    """A job on one instance, ready to render."""

    name: str
    release: str
    release_version: str
    fingerprint: str
    sha1: str
    blobstore_id: str
    properties: Properties
    """Only the names in the job's spec, defaults filled in, nested; variables still as references."""
    links: Mapping[str, Mapping[str, Json]]
    """Consumed link name → link content (reference: link content of the links API)."""
    logs: Mapping[str, str] = field(default_factory=dict)
    link_group_names: tuple[Mapping[str, str], ...] = ()
    """What the job provides, for its ``.bosh/links.json``: [{name, type, group}], ``group`` the number of the link's DNS group."""


@dataclass(frozen=True, slots=True)
class LaidInstance:
    """One wanted instance with everything decided but its rendered templates."""

    id: str
    group: str
    index: int
    az: str
    bootstrap: bool
    lifecycle: Literal["service", "errand"]
    state: InstanceState
    stemcell: StemcellChoice
    vm: VmRequest
    cpi: str
    cloud_properties: Properties
    """AZ properties below, vm properties above; empty with ``vm_resources`` until the CPI translated them."""
    env: Properties
    jobs: tuple[LaidJob, ...]
    packages: tuple[Package, ...]
    """All packages the jobs' specs list, by name. As in the original, what *they* depend on is installed only to compile them."""
    reservations: tuple[Reservation, ...]
    network_settings: Mapping[str, Json]
    """network name → {type, ip, netmask, gateway, dns, default, cloud_properties, dns_record_name}."""
    disks: tuple[DiskRequest, ...]
    update: Update
    address: str
    ip: str
    dns_domain: str = "bosh"
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``group/id``, as a person reads it."""
        return f"{self.group}/{self.id}"

    @property
    def label(self) -> str:
        """``group/id (index)``, as task events write it."""
        return f"{self.group}/{self.id} ({self.index})"


@dataclass(frozen=True, slots=True)
class Layout:
    """Every wanted instance, in manifest order, and what the links resolved to."""

    deployment: str
    instances: tuple[LaidInstance, ...]
    obsolete: tuple[CurrentInstance, ...] = ()
    """Existing instances that nobody wants any more."""
    providers: tuple[SharedProvider, ...] = ()
    """All links this deployment provides (shared or not), to be remembered after success."""
    links: tuple[Mapping[str, Json], ...] = ()
    """Resolved links: {consumer_group, consumer_job, name, provider: {deployment, group, job, name}, content}."""
    notes: tuple[str, ...] = ()
    """Why nothing else was done: placement kept, ignored instances …"""
    dns_ids: DnsIds = field(default_factory=DnsIds)
    """``Current.dns_ids`` and a number for everything new here."""
    variable_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Variable (absolute name) → {``alternative_name``, ``common_name``}: the DNS names that the links it consumes come to."""


@dataclass(frozen=True, slots=True)
class RenderedHashes:
    """What rendering gave for one instance."""

    instance_id: str
    configuration_hash: str
    archive_sha1: str = ""
    archive_blobstore_id: str = ""
    template_hashes: Mapping[str, str] = field(default_factory=dict)
    """Job name → SHA-1 of its rendered templates."""


# --- what to do ---------------------------------------------------------------------------------------------------------------------

ChangeKind = Literal[
    "new",
    "dirty",
    "restart",
    "recreate",
    "recreate_persistent_disks",
    "cloud_properties",
    "stemcell",
    "env",
    "network",
    "packages",
    "job",
    "configuration",
    "persistent_disk",
    "state",
    "dns",
    "tags",
    "trusted_certs",
    "blobstore_config",
    "nats_config",
    "unresponsive",
    "missing_vm",
]


Method = Literal["in_place", "recreate", "metadata", "start", "stop", "detach"]


@dataclass(frozen=True, slots=True)
class Change:
    """Why an instance is touched: ``Change("stemcell", "1.2 → 1.3")``."""

    kind: ChangeKind
    reason: str


@dataclass(frozen=True, slots=True)
class CompilePackage:
    """Compile one package for one stemcell; may start when all of ``after`` are done."""

    package: Package
    stemcell: StemcellChoice
    dependency_key: str
    dependencies: tuple[tuple[str, str], ...]
    """(package name, fingerprint) of the direct and transitive packages the compiler needs installed."""
    after: tuple[tuple[str, str, str], ...]
    """Ids of compile steps that must come first."""
    reason: str

    @property
    def id(self) -> tuple[str, str, str]:
        return (self.package.fingerprint, self.dependency_key, f"{self.stemcell.os}/{self.stemcell.version}")


@dataclass(frozen=True, slots=True)
class DeleteInstance:
    """Stop, delete the VM, orphan the disks, free the addresses, forget the instance."""

    instance: CurrentInstance
    reason: str


@dataclass(frozen=True, slots=True)
class CreateVm:
    """Create a VM for an instance that has none and should."""

    instance: LaidInstance
    reason: str


@dataclass(frozen=True, slots=True)
class UpdateInstance:
    """Bring one instance to its wanted state.

    ``method`` says how: ``in_place`` stops jobs, applies, starts; ``recreate`` deletes and creates the VM between stopping and
    applying; ``metadata`` sends only records and tags; ``start`` applies and starts what is stopped; ``stop`` and ``detach`` end in
    that state and leave everything else for the start that follows one day.

    An instance without a VM has a ``CreateVm`` step earlier in the plan; its update is ``in_place`` (or ``stop``). A name in both
    ``create_disks`` and ``orphan_disks`` is a disk to be replaced: create, attach, ``migrate_disk``, then orphan the old one.
    """

    instance: LaidInstance
    current: CurrentInstance | None
    changes: tuple[Change, ...]
    method: Method
    spec: Mapping[str, Json]
    """To be stored as ``Instance.spec`` after success, compiled blobs filled in (``apply_spec.fill_packages``), and in the part that
    ``apply_spec.for_agent`` picks, the apply spec to send."""
    canary: bool = False
    skip_drain: bool = False
    create_disks: tuple[DiskRequest, ...] = ()
    keep_disks: tuple[CurrentDisk, ...] = ()
    """Disks to attach again when the VM is recreated."""
    orphan_disks: tuple[CurrentDisk, ...] = ()

    @property
    def reason(self) -> str:
        return "; ".join(f"{change.kind}: {change.reason}" if change.reason else change.kind for change in self.changes)


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances updated at the same time, at most ``in_flight`` away at once."""

    steps: tuple[UpdateInstance, ...]
    in_flight: int
    canary: bool = False
    az: str = ""


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    """One instance group: unneeded instances first, then batches one after another."""

    group: str
    batches: tuple[Batch, ...]
    deletions: tuple[DeleteInstance, ...] = ()
    deletions_in_flight: int = 1
    parallel_with_next: bool = False
    """``serial: false`` neighbours run together."""


@dataclass(frozen=True, slots=True)
class ErrandSpec:
    """An errand group's instance: its spec is remembered, nothing runs."""

    instance: LaidInstance
    spec: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RefreshSpec:
    """Remember this spec in place of the old one; the agent is not told."""

    instance_id: str
    spec: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, in this order: compile, delete obsolete groups' instances, create missing VMs, update groups."""

    deployment: str
    compilations: tuple[CompilePackage, ...] = ()
    deletions: tuple[DeleteInstance, ...] = ()
    missing_vms: tuple[CreateVm, ...] = ()
    groups: tuple[GroupUpdate, ...] = ()
    errands: tuple[ErrandSpec, ...] = ()
    notes: tuple[str, ...] = ()
    """What was considered and left alone, and why."""
    refreshed: tuple[RefreshSpec, ...] = ()
    """Instances that nothing is done to but whose remembered spec says something old, for example of ``update``. Changes no VM."""

    @property
    def empty(self) -> bool:
        """Whether carrying it out would change nothing."""
        return not (
            self.compilations
            or self.deletions
            or self.missing_vms
            or any(group.batches or group.deletions for group in self.groups)
        )


@dataclass(frozen=True, slots=True)
class Options:
    """How an operator asked for this deploy."""

    recreate: frozenset[str] = frozenset()
    """Instance ids to recreate; ``*`` for all."""
    recreate_vms_created_before: str = ""
    restart: frozenset[str] = frozenset()
    recreate_persistent_disks: bool = False
    fix: bool = False
    """Treat unresponsive agents as VMs to recreate."""
    skip_drain: frozenset[str] = frozenset()
    """Group names, ``group/id`` or ``*``."""
    canaries: str = ""
    max_in_flight: str = ""
    states: Mapping[str, InstanceState] = field(default_factory=dict)
    """Instance id → state asked for now; others keep what they have."""
    use_dns_addresses: bool = False
    """The director's default; the manifest's feature of that name wins."""
    local_dns_enabled: bool = True
    director_name: str = "bosh"
    dns_domain: str = "bosh"
    trusted_certs_sha1: str = ""
    """Of the settings a VM should have now, as the next two; compared with those in ``CurrentVm``."""
    blobstore_config_sha1: str = ""
    nats_config_sha1: str = ""
    errands: frozenset[str] = frozenset()
    """Errand groups that are about to run: their instances get VMs like any other's."""


def json_copy(value: Any) -> Any:
    """The same value in plain dicts and lists, for JSON and for comparison."""
    if isinstance(value, Mapping):
        return {str(key): json_copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(item) for item in value]
    return value
