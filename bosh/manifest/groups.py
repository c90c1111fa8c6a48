"""Instance groups (bosh: deployment_plan/instance_group_spec_parser.rb, instance_group_*_parser.rb)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bosh.manifest.cloud import Cloud, vm_request
from bosh.manifest.faults import did_you_mean
from bosh.manifest.group_networks import group_networks
from bosh.manifest.jobs import job
from bosh.manifest.model import (
    DiskRequest,
    Features,
    InstanceGroup,
    Job,
    MigratedFrom,
    Properties,
    Release,
    StemcellChoice,
    Update,
    VmRequest,
)  # fmt: skip
from bosh.manifest.reading import MISSING_FIELD, Node, merged, no_such
from bosh.manifest.updates import update
from bosh.manifest.uploads import ExportedFrom
from bosh.manifest.versions import same_line

UNKNOWN_VM_TYPE: Final = 140004
UNKNOWN_STEMCELL: Final = 140005
INVALID_INSTANCE_STATE: Final = 140007
INVALID_STATE: Final = 140008
INVALID_JOBS: Final = 140010
INVALID_LIFECYCLE: Final = 140011
UNKNOWN_DISK_TYPE: Final = 140012
INVALID_DISK: Final = 140013
UNKNOWN_VM_EXTENSION: Final = 190014
BAD_VM_CONFIGURATION: Final = 140022
DEPRECATED_TEMPLATES: Final = 140024
DEPRECATED_RESOURCE_POOL: Final = 140025
DEPRECATED_DISK_POOL: Final = 140027
EXPORTED_FROM_MISMATCH: Final = 80015
PACKAGE_COLLISION: Final = 80011
INVALID_MIGRATION: Final = 190018

STATES: Final = ("started", "stopped", "detached", "recreate", "restart")
LIFECYCLES: Final = ("service", "errand")

_KEYS: Final = (
    "name", "instances", "azs", "jobs", "vm_type", "vm_resources", "vm_extensions", "stemcell", "persistent_disk",
    "persistent_disk_type", "persistent_disks", "networks", "update", "migrated_from", "lifecycle", "env", "properties",
    "state", "instance_states", "tags",
)  # fmt: skip
_REFUSED: Final = (
    ("template", DEPRECATED_TEMPLATES, "use 'jobs'"),
    ("templates", DEPRECATED_TEMPLATES, "use 'jobs'"),
    ("resource_pool", DEPRECATED_RESOURCE_POOL, "use 'vm_type' or 'vm_resources'"),
    ("persistent_disk_pool", DEPRECATED_DISK_POOL, "use 'persistent_disk_type'"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the groups of a deployment refer to."""

    cloud: Cloud
    releases: Mapping[str, Release]
    stemcells: Mapping[str, StemcellChoice]
    update: Update
    features: Features
    properties: Properties
    exported_from: Mapping[str, ExportedFrom] = field(default_factory=dict)
    canaries: str = ""
    max_in_flight: str = ""
    remove_dev_tools: bool = False


def group(node: Node, setting: Setting) -> InstanceGroup:
    """One instance group, its jobs those of the manifest; addons come later."""
    node.known(_KEYS + tuple(key for key, _, _ in _REFUSED))
    for key, code, advice in _REFUSED:
        if key in node:
            node.fault(f"'{key}' is no longer supported, {advice}", code=code, key=key)
    instances = node.integer("instances", least=0)
    azs, networks = group_networks(node, setting.cloud, instances)
    return InstanceGroup(
        name=node.text("name"),
        instances=instances,
        jobs=_jobs(node, setting),
        vm=_vm(node, setting.cloud),
        stemcell=_stemcell(node, setting.stemcells),
        networks=networks,
        update=_update(node, setting),
        azs=azs,
        persistent_disks=_disks(node, setting.cloud),
        lifecycle=_choice(node, "lifecycle", LIFECYCLES, "service", INVALID_LIFECYCLE),
        env=_env(node, setting),
        migrated_from=tuple(_migrated_from(part, azs) for part in node.maps("migrated_from", ())),
        tags={str(key): str(value) for key, value in node.mapping("tags", {}).items()},
        state=_choice(node, "state", STATES, "", INVALID_STATE),
        instance_states=_instance_states(node),
    )


def _choice(node: Node, key: str, allowed: tuple[str, ...], default: str, code: int) -> Any:
    value = node.text(key, default)
    if value == default or value in allowed:
        return value
    message = f'"{value}" is not one of {", ".join(allowed)}{did_you_mean(value, allowed)}'
    node.fault(message, code=code, key=key)
    return default


def _jobs(node: Node, setting: Setting) -> tuple[Job, ...]:
    if "jobs" not in node:
        node.fault('"jobs" is missing', code=MISSING_FIELD)
        return ()
    inherited = merged(setting.properties, node.mapping("properties", {}))
    seen: set[str] = set()
    found = []
    for entry in node.maps("jobs"):
        parsed = job(entry, setting.releases, inherited)
        name = str(entry.raw("name"))
        if name in seen:
            entry.fault(f'job "{name}" is already in this instance group', code=INVALID_JOBS, key="name")
        elif parsed:
            found.append(parsed)
        seen.add(name)
    return tuple(found)


def _vm(node: Node, cloud: Cloud) -> VmRequest:
    given = [key for key in ("vm_type", "vm_resources") if key in node]
    if len(given) != 1:
        said = (
            "both 'vm_type' and 'vm_resources' are there; choose one"
            if given
            else "'vm_type' or 'vm_resources' is missing"
        )
        node.fault(said, code=BAD_VM_CONFIGURATION)
    return vm_request(node, cloud, unknown_type=UNKNOWN_VM_TYPE, unknown_extension=UNKNOWN_VM_EXTENSION)


def _stemcell(node: Node, stemcells: Mapping[str, StemcellChoice]) -> StemcellChoice:
    alias = node.text("stemcell")
    if alias and alias not in stemcells:
        node.fault(no_such("stemcell", alias, stemcells), code=UNKNOWN_STEMCELL, key="stemcell")
    return stemcells.get(alias, StemcellChoice(alias, "", "", ""))


def _update(node: Node, setting: Setting) -> Update:
    if "update" not in node:
        return setting.update
    child = node.child("update")
    if not child.is_map():
        return setting.update
    return update(child, setting.update, canaries=setting.canaries, max_in_flight=setting.max_in_flight)


def _env(node: Node, setting: Setting) -> Properties:
    """The group's env with what the director's and the deployment's settings add where it says nothing."""
    env = node.mapping("env", {})
    added: dict[str, Any] = {}
    if setting.remove_dev_tools:
        added["remove_dev_tools"] = True
    if setting.features.use_tmpfs_config is not None:
        tmpfs = setting.features.use_tmpfs_config
        added |= {"job_dir": {"tmpfs": tmpfs}, "agent": {"settings": {"tmpfs": tmpfs}}}
    return merged({"bosh": added}, env) if added else env


def _migrated_from(node: Node, azs: Sequence[str]) -> MigratedFrom:
    node.known(("name", "az"))
    az = node.text("az", "")
    if az and az not in azs:
        node.fault(f"{no_such('availability zone', az, azs)} in this instance group", code=INVALID_MIGRATION, key="az")
    return MigratedFrom(node.text("name"), az)


def _instance_states(node: Node) -> dict[str, str]:
    states = {str(key): str(value) for key, value in node.mapping("instance_states", {}).items()}
    for key, state in states.items():
        if state not in STATES:
            message = f'"{state}" is not one of {", ".join(STATES)}{did_you_mean(state, STATES)}'
            node.child("instance_states").fault(message, code=INVALID_INSTANCE_STATE, key=key)
    return states


# --- disks --------------------------------------------------------------------------------------------------------------------------


def _disks(node: Node, cloud: Cloud) -> tuple[DiskRequest, ...]:
    forms = [key for key in ("persistent_disk", "persistent_disk_type", "persistent_disks") if key in node]
    if len(forms) > 1:
        node.fault(f"only one of {', '.join(forms)} may be there", code=INVALID_DISK)
    if "persistent_disk" in node:
        size_mb = node.integer("persistent_disk")
        if size_mb < 0:
            node.fault(f"disk size {size_mb} is negative", code=INVALID_DISK, key="persistent_disk")
        return (DiskRequest(size_mb),) if size_mb > 0 else ()
    if "persistent_disk_type" in node:
        return _typed_disk(node, "persistent_disk_type", "", cloud)
    return _named_disks(node, cloud)


def _named_disks(node: Node, cloud: Cloud) -> tuple[DiskRequest, ...]:
    found: list[DiskRequest] = []
    for entry in node.maps("persistent_disks", ()):
        entry.known(("name", "type"))
        name = entry.text("name")
        if not name and "name" in entry:
            entry.fault("a disk must have a name", code=INVALID_DISK, key="name")
        if name in {disk.name for disk in found}:
            entry.fault(f'disk "{name}" is there twice', code=INVALID_DISK, key="name")
        found.extend(_typed_disk(entry, "type", name, cloud))
    return tuple(found)


def _typed_disk(node: Node, key: str, name: str, cloud: Cloud) -> tuple[DiskRequest, ...]:
    type_name = node.text(key)
    if not type_name:
        return ()
    disk_type = cloud.disk_types.get(type_name)
    if disk_type is None:
        node.fault(no_such("disk type", type_name, cloud.disk_types), code=UNKNOWN_DISK_TYPE, key=key)
        return ()
    if not disk_type.size_mb and not name:
        return ()
    return (DiskRequest(disk_type.size_mb, disk_type.cloud_properties, name, type_name),)


# --- checks over a finished group, addons included ----------------------------------------------------------------------------------


def check_group(node: Node, wanted: InstanceGroup, setting: Setting) -> None:
    """Releases fit the group's stemcell, and no two jobs bring different packages of one name."""
    _check_exported_from(node, wanted, setting.exported_from)
    _check_packages(node, wanted, setting.releases)


def _check_exported_from(node: Node, wanted: InstanceGroup, exported: Mapping[str, ExportedFrom]) -> None:
    stemcell = wanted.stemcell
    for release in dict.fromkeys(entry.release for entry in wanted.jobs):
        stemcells = exported.get(release, ())
        if stemcells and stemcell.os and not any(_compatible(stemcell, os, version) for os, version in stemcells):
            have = ", ".join(f"{os}/{version}" for os, version in stemcells)
            message = f'release "{release}" is exported from {have}, not from {stemcell.os}/{stemcell.version}'
            node.fault(message, code=EXPORTED_FROM_MISMATCH)


def _compatible(stemcell: StemcellChoice, os: str, version: str) -> bool:
    try:
        return stemcell.os == os and same_line(version, stemcell.version)
    except ValueError:
        return False


def _check_packages(node: Node, wanted: InstanceGroup, releases: Mapping[str, Release]) -> None:
    seen: dict[str, tuple[tuple[str, tuple[str, ...]], str]] = {}
    for entry in wanted.jobs:
        packages = releases[entry.release].packages if entry.release in releases else {}
        for name in entry.spec.packages:
            if name not in packages:
                continue
            mark = (packages[name].fingerprint, tuple(sorted(packages[name].dependencies)))
            first = seen.setdefault(name, (mark, f"{entry.release}/{entry.name}"))
            if first[0] != mark:
                message = (
                    f'package "{name}" of job {entry.release}/{entry.name} differs from the one of job {first[1]}; '
                    "two packages of one name cannot be on one instance"
                )
                node.fault(message, code=PACKAGE_COLLISION)


def check_migrations(nodes: Sequence[Node]) -> None:
    """A group that was migrated away must be gone, and goes to one group only."""
    names = {str(node.raw("name")) for node in nodes}
    taken: dict[str, str] = {}
    for node in nodes:
        for part in node.items("migrated_from", ()) if isinstance(node.raw("migrated_from"), list) else ():
            source = str(part.raw("name"))
            if source in names and source != node.raw("name"):
                part.fault(f'instance group "{source}" is still there; remove it', code=INVALID_MIGRATION, key="name")
            if taken.setdefault(source, str(node.raw("name"))) != node.raw("name"):
                message = f'instance group "{source}" is already migrated to "{taken[source]}"'
                part.fault(message, code=INVALID_MIGRATION, key="name")
