"""The spec of an instance: what the agent applies, what templates see, and what is remembered to compare with next time.

One dict serves all three (bosh: deployment_plan/instance_spec.rb). ``build`` makes it, execution fills the compiled packages in and
stores it as ``Instance.spec`` after success; ``for_agent`` and ``for_templates`` pick their part. Three keys are for remembering alone
and no agent ever sees them:

- ``package_keys``: package name → SHA-1 of its dependency key. A package with the same fingerprint must be installed anew when
  something it was compiled with has changed.
- ``job_releases``: job name → ``release/version``, so that a change can be told in versions instead of fingerprints.
- ``link_groups``: names (``link-type``) of the links the instance's jobs provide, for the records blob.

Properties and links are not kept: the rendered archive is, and a recorded instance is restarted from that.
"""

from __future__ import annotations

from collections.abc import Mapping

from bosh.manifest.model import Amount, DiskRequest, Json, Package, Release, Update, WatchTime
from bosh.plan.compilation import CompiledIndex, dependency_key, key_digest
from bosh.plan.dns import record_name
from bosh.plan.model import LaidInstance, LaidJob, RenderedHashes

PACKAGE_BUILD = 1
"""Packages' ``version`` in the spec is ``<fingerprint>.<build>``; a fingerprint is compiled once, so its build is always the first."""

_AGENT_KEYS = (
    "deployment", "job", "index", "name", "id", "az", "networks", "packages", "dns_domain_name", "configuration_hash",
    "persistent_disk", "template_hashes", "rendered_templates_archive",
)  # fmt: skip


class Specs:
    """Builds specs; the parts that a group's instances share are made once."""

    def __init__(self, deployment: str, releases: tuple[Release, ...], compiled: CompiledIndex) -> None:
        self._deployment = deployment
        self._packages = {release.name: release.packages for release in releases}
        self._compiled = compiled
        self._shared: dict[tuple[str, str], dict[str, Json]] = {}

    def build(self, instance: LaidInstance, hashes: RenderedHashes) -> dict[str, Json]:
        """The full spec of one instance; packages not compiled yet have an empty ``blobstore_id`` and ``sha1``."""
        return {
            **self._of_group(instance),
            "index": instance.index,
            "bootstrap": instance.bootstrap,
            "id": instance.id,
            "az": instance.az or None,
            "networks": instance.network_settings,
            "address": instance.address,
            "ip": instance.ip,
            "configuration_hash": hashes.configuration_hash,
            "template_hashes": dict(hashes.template_hashes),
            "rendered_templates_archive": {
                "sha1": hashes.archive_sha1,
                "blobstore_id": hashes.archive_blobstore_id,
            },
        }

    def _of_group(self, instance: LaidInstance) -> dict[str, Json]:
        key = (instance.group, instance.stemcell.name)
        if key not in self._shared:
            self._shared[key] = self._make_shared(instance)
        return self._shared[key]

    def _make_shared(self, instance: LaidInstance) -> dict[str, Json]:
        keys = {one.name: dependency_key(one.name, self._packages[one.release]) for one in instance.packages}
        vm = instance.vm
        return {
            "deployment": self._deployment,
            "name": instance.group,
            "job": _job(instance),
            "lifecycle": instance.lifecycle,
            "vm_type": {"name": vm.vm_type, "cloud_properties": vm.cloud_properties} if vm.vm_type else None,
            "vm_resources": dict(vm.vm_resources) if vm.vm_resources else None,
            "stemcell": {"name": instance.stemcell.name, "version": instance.stemcell.version},
            "env": instance.env,
            "packages": {one.name: self._package(one, keys[one.name], instance) for one in instance.packages},
            "properties": {},
            "properties_need_filtering": True,
            "dns_domain_name": instance.dns_domain,
            "links": {},
            "update": update_json(instance.update),
            **_disk_keys(instance.disks),
            "package_keys": {name: key_digest(key) for name, key in keys.items()},
            "job_releases": {job.name: f"{job.release}/{job.release_version}" for job in instance.jobs},
            "link_groups": sorted(
                {f"{row['name']}-{row['type']}" for job in instance.jobs for row in job.link_group_names}
            ),
        }

    def _package(self, package: Package, key: str, instance: LaidInstance) -> dict[str, str]:
        found = self._compiled.find(package, key, instance.stemcell)
        return {
            "name": package.name,
            "version": f"{package.fingerprint}.{PACKAGE_BUILD}",
            "sha1": found.sha1 if found else "",
            "blobstore_id": found.blobstore_id if found else "",
        }


def _job(instance: LaidInstance) -> dict[str, Json] | None:
    if not instance.jobs:
        return None
    first = instance.jobs[0]
    return {
        "name": instance.group,
        "template": first.name,
        "version": first.fingerprint,
        "sha1": first.sha1,
        "blobstore_id": first.blobstore_id,
        "templates": [_template(job) for job in instance.jobs],
    }


def _template(job: LaidJob) -> dict[str, Json]:
    row: dict[str, Json] = {
        "name": job.name,
        "version": job.fingerprint,
        "sha1": job.sha1,
        "blobstore_id": job.blobstore_id,
    }
    return row | ({"logs": dict(job.logs)} if job.logs else {})


def _disk_keys(disks: tuple[DiskRequest, ...]) -> dict[str, Json]:
    if not disks:
        return {"persistent_disk": 0}
    if len(disks) == 1 and not disks[0].name:
        disk = disks[0]
        kind = {"name": disk.type_name, "disk_size": disk.size_mb, "cloud_properties": disk.cloud_properties}
        return {"persistent_disk": disk.size_mb, "persistent_disk_type": kind}
    return {}


def update_json(update: Update) -> dict[str, Json]:
    """The ``update`` section as it is kept (bosh: update_config.rb)."""
    return {
        "canaries": _amount(update.canaries),
        "max_in_flight": _amount(update.max_in_flight),
        "canary_watch_time": _watch(update.canary_watch_time),
        "update_watch_time": _watch(update.update_watch_time),
        "serial": update.serial,
        "vm_strategy": update.vm_strategy,
        "initial_deploy_az_update_strategy": update.initial_deploy_az_update_strategy,
    }


def _amount(amount: Amount) -> str:
    return f"{amount.value}%" if amount.percent else str(amount.value)


def _watch(time: WatchTime) -> str:
    return f"{time.min_ms}-{time.max_ms}"


# --- what others take from it ---------------------------------------------------------------------------------------------------------


def fill_packages(spec: Mapping[str, Json], compiled: Mapping[str, tuple[str, str]]) -> dict[str, Json]:
    """The spec with compiled packages filled in.

    Args:
        compiled: package fingerprint → (blobstore id, digest text), for the stemcell of this instance.
    """
    packages = {}
    for name, package in (spec.get("packages") or {}).items():
        blob = compiled.get(fingerprint_of(package["version"]))
        packages[name] = {**package, "blobstore_id": blob[0], "sha1": blob[1]} if blob else package
    return {**spec, "packages": packages}


def fingerprint_of(version: str) -> str:
    """``<fingerprint>.<build>`` → fingerprint."""
    return version.rpartition(".")[0]


_KEPT = ("packages", "rendered_templates_archive", "template_hashes", "networks")
"""What an unchanged instance has on its VM: the remembered values name the blobs that are there."""


def refreshed(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json] | None:
    """The remembered spec of an unchanged instance brought up to date; None when it is.

    Keys that others added to the remembered one stay.
    """
    if not old or all(old.get(key) == value for key, value in new.items() if key not in _KEPT):
        return None
    return {**old, **{key: value for key, value in new.items() if key not in _KEPT}}


def unfilled(spec: Mapping[str, Json]) -> list[str]:
    """Names of packages that still have no compiled blob."""
    return [name for name, package in (spec.get("packages") or {}).items() if not package.get("blobstore_id")]


def for_agent(spec: Mapping[str, Json], *, with_job: bool = True) -> dict[str, Json]:
    """The argument of the agent's ``apply``.

    Args:
        with_job: False for the first apply of a fresh VM, which brings no jobs yet (bosh: apply_vm_spec_step.rb).
    """
    picked = {key: spec[key] for key in _AGENT_KEYS if key in spec}
    return picked if with_job else {**picked, "job": {}}


def for_templates(instance: LaidInstance, deployment: str) -> dict[str, Json]:
    """What ERB's ``spec`` shows, common to all jobs of an instance (bosh: instance_spec.rb, TemplateSpec).

    Addresses that a dynamic network has not given yet are 127.0.0.1, so that templates need no conditions; ``dns_record_name`` has
    the index in it here, as it always had.
    """
    disks = _disk_keys(instance.disks)
    return {
        "deployment": deployment,
        "job": _job(instance),
        "name": instance.group,
        "id": instance.id,
        "index": instance.index,
        "bootstrap": instance.bootstrap,
        "az": instance.az or None,
        "networks": {
            name: _shown(name, settings, instance, deployment) for name, settings in instance.network_settings.items()
        },
        "properties_need_filtering": True,
        "dns_domain_name": instance.dns_domain,
        "persistent_disk": disks.get("persistent_disk", 0),
        "address": instance.address,
        "ip": instance.ip or None,
    }


def _shown(network: str, settings: Mapping[str, Json], instance: LaidInstance, deployment: str) -> dict[str, Json]:
    unknown = {"ip": "127.0.0.1", "netmask": "127.0.0.1", "gateway": "127.0.0.1"}
    below = unknown if settings["type"] == "dynamic" else {}
    name = record_name(instance.index, instance.group, network, deployment, instance.dns_domain)
    return {**below, **settings, "dns_record_name": name}
