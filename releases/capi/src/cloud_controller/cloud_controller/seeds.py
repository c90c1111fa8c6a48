"""What exists from the start; brought up to date at every start, never taken away."""

from __future__ import annotations

import glob
from pathlib import Path

import sqlalchemy as sa

from cloud_controller.actions.quotas import ORGANIZATION_LIMITS
from cloud_controller.api.organizations import DEFAULT_QUOTA
from cloud_controller.api.platform import move
from cloud_controller.blobstore import bits
from cloud_controller.blobstore import contract as blobs
from cloud_controller.blobstore.contract import Blobstore
from cloud_controller.config import BuildpackSeed, Config
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


def plant(store: Store, config: Config, blobstore: Blobstore) -> None:
    """Everything the configuration names."""
    _quota(store, config)
    _stacks(store, config)
    _domains(store, config)
    _security_groups(store, config)
    _flags(store, config)
    for position, seed in enumerate(config.seed.buildpacks, 1):
        _buildpack(store, blobstore, seed, position)


def _quota(store: Store, config: Config) -> None:
    if store.find_by(t.organization_quotas, name=DEFAULT_QUOTA):
        return
    seed = config.seed
    limits = {part: dict(values) for part, values in ORGANIZATION_LIMITS.items()}
    limits["apps"]["total_memory_in_mb"] = seed.default_quota_memory_in_mb
    limits["routes"]["total_routes"] = seed.default_quota_routes
    limits["services"]["total_service_instances"] = seed.default_quota_services
    store.insert(t.organization_quotas, name=DEFAULT_QUOTA, limits=limits)


def _stacks(store: Store, config: Config) -> None:
    for seed in config.seed.stacks:
        images = {
            "build_rootfs_image": seed.build_rootfs_image or None,
            "run_rootfs_image": seed.run_rootfs_image or None,
        }
        found = store.find_by(t.stacks, name=seed.name)
        if found:
            store.change(t.stacks, found["guid"], description=seed.description, **images)
        else:
            store.insert(t.stacks, name=seed.name, description=seed.description, state="ACTIVE", **images)


def _domains(store: Store, config: Config) -> None:
    seed = config.seed
    named: list[tuple[str, Record]] = [(name, {}) for name in seed.shared_domains]
    named += [(name, {"internal": True}) for name in seed.internal_domains]
    named += [(name, {"router_group_guid": group}) for name, group in seed.tcp_domains.items()]
    for name, values in named:
        if store.find_by(t.domains, name=name) is None:
            store.insert(t.domains, name=name, **values)


def _security_groups(store: Store, config: Config) -> None:
    if store.first(sa.select(t.security_groups)):
        # Operators own them from then on (cloud_controller_ng: Seeds.create_seed_security_groups).
        return
    seed = config.seed
    for group in seed.security_groups:
        store.insert(
            t.security_groups,
            name=group.name,
            rules=group.rules,
            running_default=group.name in seed.running_security_groups,
            staging_default=group.name in seed.staging_security_groups,
        )


def _flags(store: Store, config: Config) -> None:
    for name, enabled in config.seed.feature_flags.items():
        if store.first(t.feature_flags.select().where(t.feature_flags.c.name == name)) is None:
            row = {"name": name, "enabled": enabled, "updated_at": store.now()}
            store.connection.execute(sa.insert(t.feature_flags).values(**row))


class MissingBuildpack(Exception):
    """A configured buildpack file that is not there."""


def _buildpack(store: Store, blobstore: Blobstore, seed: BuildpackSeed, position: int) -> None:
    found = sorted(glob.glob(seed.file))  # noqa: PTH207  (the pattern is an absolute path)
    if not found:
        raise MissingBuildpack(f"cannot install the buildpack {seed.name}: there is no file {seed.file}")
    path = Path(found[-1])
    digest = bits.sha256(path)
    existing = store.find_by(t.buildpacks, name=seed.name, stack=seed.stack)
    if existing and (existing["locked"] or existing["sha256"] == digest):
        return
    if existing is None:
        existing = store.insert(
            t.buildpacks,
            name=seed.name,
            stack=seed.stack,
            lifecycle=seed.lifecycle,
            state="AWAITING_UPLOAD",
            position=0,
        )
        move(store, existing, position)
    key = f"{existing['guid']}_{digest}"
    blobstore.put(blobs.BUILDPACKS, key, path)
    if existing["blob_key"]:
        store.later("delete_blob", existing["blob_key"], blobs.BUILDPACKS)
    store.change(t.buildpacks, existing["guid"], state="READY", filename=path.name, sha256=digest, blob_key=key)
