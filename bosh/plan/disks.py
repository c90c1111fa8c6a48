"""Persistent disks: which stay, which are made, which are left behind (bosh: persistent_disk_collection.rb)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bosh.manifest.model import DiskRequest
from bosh.plan.differences import told
from bosh.plan.model import CurrentDisk


@dataclass(frozen=True, slots=True)
class DiskChanges:
    create: tuple[DiskRequest, ...] = ()
    keep: tuple[CurrentDisk, ...] = ()
    orphan: tuple[CurrentDisk, ...] = ()
    reasons: tuple[str, ...] = ()


def disk_changes(
    existing: Sequence[CurrentDisk], wanted: Sequence[DiskRequest], *, recreate: bool = False
) -> DiskChanges:
    """Match disks by name. Another size or other cloud properties make a new disk, to which the old one's content moves.

    Disks that are not active are nobody's business here: an interrupted replacement left them, and cloud check deals with them.
    """
    active = {disk.name: disk for disk in existing if disk.active}
    create, keep, orphan, reasons = [], [], [], []
    for disk in wanted:
        old = active.pop(disk.name, None)
        reason = _reason(old, disk, recreate=recreate)
        if old is not None and not reason:
            keep.append(old)
            continue
        create.append(disk)
        reasons.append(_named(disk.name, reason))
        if old is not None:
            orphan.append(old)
    for old in active.values():
        orphan.append(old)
        reasons.append(_named(old.name, f"{old.size_mb} MiB no longer wanted"))
    return DiskChanges(tuple(create), tuple(keep), tuple(orphan), tuple(reasons))


def _reason(old: CurrentDisk | None, wanted: DiskRequest, *, recreate: bool) -> str:
    if old is None:
        return f"{wanted.size_mb} MiB added"
    if recreate:
        return "to be made anew"
    changed = []
    if old.size_mb != wanted.size_mb:
        changed.append(f"size {old.size_mb} → {wanted.size_mb} MiB")
    if old.cloud_properties != wanted.cloud_properties:
        changed.append(f"cloud properties: {told(old.cloud_properties, wanted.cloud_properties)}")
    return ", ".join(changed)


def _named(name: str, reason: str) -> str:
    return f"{name}: {reason}" if name else reason
