"""What clean-up would remove, decided from the store (bosh: cleanup_artifact_manager.rb, releases_to_delete_picker.rb …)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bosh.release import version as versions
from bosh.state import records
from bosh.state.contract import Store

KEPT_UNUSED = 2
"""Newest unused versions of each release and stemcell that a clean-up without ``--all`` leaves."""

EXPORTED = "exported-release"
"""Type of the blobs that ``export_release`` leaves for downloading."""

_KEPT_DNS_BLOBS = 10
_DNS_BLOB_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leftovers:
    releases: tuple[records.ReleaseVersion, ...]
    stemcells: tuple[records.Stemcell, ...]
    compiled: tuple[records.CompiledPackage, ...]
    disks: tuple[records.Disk, ...]
    vms: tuple[records.Vm, ...]
    exported: tuple[records.Blob, ...]
    dns: tuple[records.DnsBlob, ...]


def find(store: Store, *, remove_all: bool, keep_orphaned_disks: bool, now: datetime) -> Leftovers:
    kept = 0 if remove_all else KEPT_UNUSED
    stemcells = tuple(_stemcells(store, kept))
    disks = remove_all and not keep_orphaned_disks
    return Leftovers(
        releases=tuple(_releases(store, kept)),
        stemcells=stemcells,
        compiled=tuple(_compiled(store, stemcells)) if remove_all else (),
        disks=tuple(disk for disk in store.disks.list() if disk.orphaned_at is not None) if disks else (),
        vms=tuple(vm for vm in store.vms.list() if vm.orphaned_at is not None),
        exported=tuple(store.blobs.list(type=EXPORTED)),
        dns=tuple(_dns_blobs(store, remove_all=remove_all, now=now)),
    )


def _newest_first(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts), key=_order, reverse=True)


def _order(text: str) -> tuple[int, versions.Version]:
    try:
        return (1, versions.parse(text))
    except ValueError:
        # Stemcell versions are free text on some clouds.
        return (0, versions.parse(re.sub(r"[^0-9A-Za-z_.]", "_", text) or "0"))


def _releases(store: Store, kept: int) -> Iterable[records.ReleaseVersion]:
    used = {(each["name"], str(each["version"])) for one in store.deployments.list() for each in one.releases}
    by_name: dict[str, list[records.ReleaseVersion]] = {}
    for row in store.release_versions.list():
        if (row.release, row.version) not in used:
            by_name.setdefault(row.release, []).append(row)
    for rows in by_name.values():
        old = _newest_first(row.version for row in rows)[kept:]
        yield from (row for row in rows if row.version in old)


def _stemcells(store: Store, kept: int) -> Iterable[records.Stemcell]:
    used = {(each["name"], str(each["version"])) for one in store.deployments.list() for each in one.stemcells}
    by_name: dict[str, list[records.Stemcell]] = {}
    for row in store.stemcells.list():
        if (row.name, row.version) not in used:
            by_name.setdefault(row.name, []).append(row)
    for rows in by_name.values():
        old = _newest_first(row.version for row in rows)[kept:]
        yield from (row for row in rows if row.version in old)


def _compiled(store: Store, going: Sequence[records.Stemcell]) -> Iterable[records.CompiledPackage]:
    """Compiled for a stemcell that nobody will have any more."""
    ids = {row.id for row in going}
    staying = {(row.os, row.version) for row in store.stemcells.list() if row.id not in ids}
    gone = {(row.os, row.version) for row in going} - staying
    return (row for row in store.compiled_packages.list() if (row.stemcell_os, row.stemcell_version) in gone)


def _dns_blobs(store: Store, *, remove_all: bool, now: datetime) -> Iterable[records.DnsBlob]:
    kept, age = _KEPT_DNS_BLOBS, _DNS_BLOB_AGE
    if remove_all:
        kept, age = min(store.deployments.count(), 1), timedelta(0)
    newest = sorted(store.dns_blobs.list(), key=lambda row: row.version, reverse=True)
    return (row for row in newest[kept:] if row.created_at <= now - age)
