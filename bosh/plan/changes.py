"""Why an instance must be touched: every difference between what it is and what it should be (bosh: instance_plan.rb)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bosh.manifest.model import Json
from bosh.plan.apply_spec import fingerprint_of
from bosh.plan.differences import told
from bosh.plan.disks import DiskChanges
from bosh.plan.model import Change, ChangeKind, CurrentInstance, CurrentVm, LaidInstance, Options

RECREATING: frozenset[ChangeKind] = frozenset(
    {"recreate", "cloud_properties", "stemcell", "env", "network", "unresponsive"}
)
"""Kinds that need another VM."""

RECORDS_ONLY: frozenset[ChangeKind] = frozenset({"dns", "tags"})
"""Kinds that jobs never notice."""

_SHORT = 8
_LEARNED = ("ip", "netmask", "gateway")
"""What a VM on a dynamic network tells us, rather than we it."""


def changes_of(
    instance: LaidInstance,
    current: CurrentInstance | None,
    spec: Mapping[str, Json],
    disks: DiskChanges,
    options: Options,
) -> tuple[Change, ...]:
    """Every reason to touch the instance, in a fixed order; empty when it is as it should be.

    Args:
        spec: the full spec it should have.
    """
    if current is None:
        return (Change("new", ""),)
    return tuple(_changes(instance, current, spec, disks, options))


def _changes(
    instance: LaidInstance,
    current: CurrentInstance,
    spec: Mapping[str, Json],
    disks: DiskChanges,
    options: Options,
) -> Iterator[Change]:
    if current.dirty:
        yield Change("dirty", "its last update failed or was interrupted")
    yield from _asked_for(instance, current, options)
    yield from _vm_changes(instance, current, spec, options)
    yield from _content_changes(instance, current, spec)
    if disks.reasons:
        yield Change("persistent_disk", "; ".join(disks.reasons))
    if reason := _state_change(instance, current):
        yield Change("state", reason)
    if current.vm is None and instance.state != "detached":
        yield Change("missing_vm", "it has no VM")
    yield from _records_changes(instance, current, spec)
    if current.vm is not None:
        yield from _settings_changes(current.vm, options)


# --- what the operator asked for ------------------------------------------------------------------------------------------------------


def _asked_for(instance: LaidInstance, current: CurrentInstance, options: Options) -> Iterator[Change]:
    if _named(instance.id, options.restart):
        yield Change("restart", "asked for")
    if _named(instance.id, options.recreate) and (reason := _recreate_reason(current, options)):
        yield Change("recreate", reason)
    if options.recreate_persistent_disks and current.disks:
        yield Change("recreate_persistent_disks", "asked for")


def _named(instance_id: str, names: frozenset[str]) -> bool:
    return instance_id in names or "*" in names


def _recreate_reason(current: CurrentInstance, options: Options) -> str:
    """Why a recreation asked for applies to this instance; empty when its VM is too young."""
    threshold = options.recreate_vms_created_before
    if not threshold:
        return "asked for"
    if current.dirty:
        return "asked for, and its last update failed"
    created = current.vm.created_at if current.vm else ""
    if not created:
        return "asked for, and the age of its VM is unknown"
    if _moment(created) < _moment(threshold):
        return f"asked for VMs created before {threshold}, this one is of {created}"
    return ""


def _moment(text: str) -> datetime:
    """RFC 3339; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else datetime.fromisoformat(f"{text}+00:00")


# --- what needs another VM ------------------------------------------------------------------------------------------------------------


def _vm_changes(
    instance: LaidInstance, current: CurrentInstance, spec: Mapping[str, Json], options: Options
) -> Iterator[Change]:
    vm = current.vm
    if vm is not None and not vm.responsive and options.fix:
        yield Change("unresponsive", f"its agent {vm.agent_id} does not answer, and a fix was asked for")
    if reason := _cloud_properties(instance, current, spec):
        yield Change("cloud_properties", reason)
    if reason := _stemcell(instance, current):
        yield Change("stemcell", reason)
    if vm is not None and vm.env != instance.env:
        yield Change("env", told(vm.env, instance.env))
    if reason := _network(instance, current):
        yield Change("network", reason)


def _cloud_properties(instance: LaidInstance, current: CurrentInstance, spec: Mapping[str, Json]) -> str:
    if instance.vm.vm_resources is not None and not instance.cloud_properties:
        before = current.spec.get("vm_resources")
        return f"vm_resources: {told(before, spec['vm_resources'])}" if before != spec["vm_resources"] else ""
    if current.vm is None or current.vm.cloud_properties == instance.cloud_properties:
        return ""
    return told(current.vm.cloud_properties, instance.cloud_properties)


def _stemcell(instance: LaidInstance, current: CurrentInstance) -> str:
    if current.vm is None:
        return ""
    wanted = instance.stemcell
    if current.vm.stemcell_name != wanted.name:
        return f"{current.vm.stemcell_name}/{current.vm.stemcell_version} → {wanted.name}/{wanted.version}"
    if current.vm.stemcell_version != wanted.version:
        return f"{current.vm.stemcell_version} → {wanted.version}"
    return ""


def _network(instance: LaidInstance, current: CurrentInstance) -> str:
    if current.vm is None:
        return ""
    before: Mapping[str, Json] = current.vm.network_settings or current.spec.get("networks") or {}
    if not before:
        return ""
    wanted = instance.network_settings
    old = {name: _compared(settings, wanted.get(name)) for name, settings in before.items()}
    new = {name: _compared(settings, before.get(name)) for name, settings in wanted.items()}
    common = [name for name in new if name in old]
    reason = told({name: old[name] for name in common}, {name: new[name] for name in common})
    if old.keys() == new.keys():
        return reason
    renamed = f"{', '.join(old)} → {', '.join(new)}"
    return f"{renamed}, {reason}" if reason else renamed


def _compared(settings: Mapping[str, Json], other: Mapping[str, Json] | None) -> dict[str, Json]:
    """Settings without what is no reason for another VM: our name for it, and addresses only one side knows yet."""
    ignored = {"dns_record_name"}
    if settings.get("type") == "dynamic":
        ignored.update(key for key in _LEARNED if not (other and other.get(key) and settings.get(key)))
    return {key: value for key, value in settings.items() if key not in ignored}


# --- what is on it --------------------------------------------------------------------------------------------------------------------


def _content_changes(instance: LaidInstance, current: CurrentInstance, spec: Mapping[str, Json]) -> Iterator[Change]:
    if not current.spec:
        yield Change("new", "no update of it has succeeded yet")
        return
    if reason := _packages(current.spec, spec):
        yield Change("packages", reason)
    if reason := _configuration(current.spec, spec):
        yield Change("configuration", reason)
    if reason := _jobs(instance, current.spec, spec):
        yield Change("job", reason)


def _packages(old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    before, after = _versions(old.get("packages")), _versions(new.get("packages"))
    parts = [f"{name} added" for name in after if name not in before]
    parts += [f"{name} removed" for name in before if name not in after]
    old_keys: Mapping[str, str] = old.get("package_keys") or {}
    for name in (name for name in after if name in before):
        if before[name] != after[name]:
            parts.append(f"{name} {before[name][:_SHORT]} → {after[name][:_SHORT]}")
        elif old_keys.get(name, new["package_keys"][name]) != new["package_keys"][name]:
            parts.append(f"{name}: what it is compiled with has changed")
    return ", ".join(parts)


def _versions(packages: Mapping[str, Json] | None) -> dict[str, str]:
    return {name: fingerprint_of(package["version"]) for name, package in (packages or {}).items()}


def _configuration(old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    if old.get("configuration_hash") == new.get("configuration_hash"):
        return ""
    before: Mapping[str, str] = old.get("template_hashes") or {}
    after: Mapping[str, str] = new.get("template_hashes") or {}
    jobs = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f"templates of {', '.join(jobs)} render differently" if before and jobs else "templates render differently"


def _jobs(instance: LaidInstance, old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    job = old.get("job") or {}
    before = {row["name"]: row for row in job.get("templates") or ()}
    after = {row["name"]: row for row in (new.get("job") or {}).get("templates") or ()}
    parts = [f"{name} added" for name in after if name not in before]
    parts += [f"{name} removed" for name in before if name not in after]
    releases: Mapping[str, str] = old.get("job_releases") or {}
    for name, row in after.items():
        known = before.get(name)
        if known and _identity(known) != _identity(row):
            parts.append(f"{name} {_version_change(releases.get(name, ''), new['job_releases'][name], known, row)}")
    if job and job.get("name") != instance.group:
        parts.append(f"instance group {job.get('name')} → {instance.group}")
    return ", ".join(parts)


def _identity(row: Mapping[str, Json]) -> tuple[Json, Json]:
    return row.get("version"), row.get("logs") or None


def _version_change(old: str, new: str, known: Mapping[str, Json], row: Mapping[str, Json]) -> str:
    if old and old != new:
        return f"{old} → {new}"
    if known.get("version") != row.get("version"):
        return f"{str(known.get('version'))[:_SHORT]} → {str(row.get('version'))[:_SHORT]}"
    return "logs changed"


# --- state, records, settings ---------------------------------------------------------------------------------------------------------


def _state_change(instance: LaidInstance, current: CurrentInstance) -> str:
    if current.state != instance.state:
        return f"{current.state} → {instance.state}"
    if instance.state == "detached":
        return "it is detached and still has a VM" if current.vm else ""
    if current.vm is None or not current.vm.job_state:
        return ""
    running = current.vm.job_state == "running"
    if running == (instance.state == "started"):
        return ""
    return (
        ""
        if instance.state == "stopped" and not running
        else f"it should be {instance.state}, agent reports {current.vm.job_state}"
    )


def _records_changes(instance: LaidInstance, current: CurrentInstance, spec: Mapping[str, Json]) -> Iterator[Change]:
    if current.spec and (reason := _dns(current.spec, spec)):
        yield Change("dns", reason)
    if dict(current.tags) != dict(instance.tags):
        yield Change("tags", told(dict(current.tags), dict(instance.tags)))


def _dns(old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    before = {name: row.get("dns_record_name") for name, row in (old.get("networks") or {}).items()}
    after = {name: row.get("dns_record_name") for name, row in new["networks"].items()}
    if before != after and before.keys() == after.keys():
        return told(before, after)
    links = old.get("link_groups")
    if links is not None and links != new["link_groups"]:
        return f"provided links: {', '.join(links) or 'none'} → {', '.join(new['link_groups']) or 'none'}"
    return ""


def _settings_changes(vm: CurrentVm, options: Options) -> Iterator[Change]:
    kinds: tuple[tuple[ChangeKind, str, str], ...] = (
        ("trusted_certs", vm.trusted_certs_sha1, options.trusted_certs_sha1),
        ("blobstore_config", vm.blobstore_config_sha1, options.blobstore_config_sha1),
        ("nats_config", vm.nats_config_sha1, options.nats_config_sha1),
    )
    for kind, before, after in kinds:
        if before and after and before != after:
            yield Change(kind, "the director's are new")
