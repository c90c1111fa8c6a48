"""What a build's task is made of: its buildpacks, and where things are fetched and sent."""

from __future__ import annotations

import sqlalchemy as sa

from cloud_controller.actions import apps
from cloud_controller.actions.staging import is_buildpack_url
from cloud_controller.blobstore import contract as blobs
from cloud_controller.diego import facts, links
from cloud_controller.diego.facts import MissingFacts
from cloud_controller.diego.tasks import CUSTOM, Buildpack, StagingFacts
from cloud_controller.services import Services
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store


def gather(store: Store, services: Services, build: Record) -> StagingFacts:
    """A build's facts.

    Raises:
        MissingFacts: it cannot be staged; the text is for the user.
    """
    config, guid = services.config, build["guid"]
    package = store.find(t.packages, build["package_guid"])
    if package is None:
        raise MissingFacts("missing app bits download uri")
    about = facts.of_app(store, build["app_guid"], "staging")
    docker = build["lifecycle_type"] == "docker"
    buildpacks = [] if docker else choose(store, services, build)
    seconds = config.staging.timeout_seconds + config.blobstore.link_lifetime_seconds
    cache = apps.cache_key({**about.app, "stack": build["stack"]})
    return StagingFacts(
        about=about,
        build=build,
        package=package,
        registry_password=store.vault.open(package["password_sealed"]),
        rootfs=_rootfs(store, services, build),
        buildpacks=buildpacks,
        skip_detect=bool(build["buildpacks"]),
        package_url="" if docker else links.download(services, blobs.PACKAGES, package["blob_key"], seconds),
        cache_url=links.download(services, blobs.BUILDPACK_CACHE, cache, seconds),
        droplet_upload_url=links.staging(services, f"/internal/v4/droplets/{guid}/upload"),
        cache_upload_url=links.staging(services, f"/internal/v4/buildpack_cache/{guid}/upload"),
        callback_url=callback(services, f"staging/{guid}/build_completed"),
    )


def callback(services: Services, path: str) -> str:
    """Where the BBS tells that a task is over."""
    return f"{services.config.internal_url}/internal/v3/{path}"


def _rootfs(store: Store, services: Services, build: Record) -> str:
    name = build["stack"] or services.config.defaults.stack
    stack = store.find_by(t.stacks, name=name)
    if stack is None:
        raise MissingFacts(f"no compiler defined for requested stack '{name}'")
    return f"preloaded:{stack['build_rootfs_image'] or name}"


def choose(store: Store, services: Services, build: Record) -> list[Buildpack]:
    """The buildpacks the app names, or all installed ones of its stack, in their order."""
    asked = build["buildpacks"] or []
    if asked:
        return [_named(store, services, name, build["stack"]) for name in asked]
    table = t.buildpacks
    query = sa.select(table).where(
        table.c.enabled.is_(True),
        table.c.blob_key.is_not(None),
        table.c.lifecycle == build["lifecycle_type"],
        sa.or_(table.c.stack == build["stack"], table.c.stack.is_(None)),
    )
    rows = store.rows(query.order_by(table.c.position))
    if not rows:
        raise MissingFacts("no buildpacks are installed for the stack")
    return [_installed(services, row) for row in rows]


def _named(store: Store, services: Services, name: str, stack: str | None) -> Buildpack:
    if is_buildpack_url(name):
        return Buildpack(CUSTOM, name, name)
    rows = store.rows(sa.select(t.buildpacks).where(t.buildpacks.c.name == name, t.buildpacks.c.blob_key.is_not(None)))
    fitting = [row for row in rows if row["stack"] == stack] or [row for row in rows if row["stack"] is None]
    if not fitting:
        raise MissingFacts(f"the buildpack {name} is not installed for the stack {stack}")
    return _installed(services, fitting[0])


def _installed(services: Services, row: Record) -> Buildpack:
    url = links.download(services, blobs.BUILDPACKS, row["blob_key"], services.config.blobstore.link_lifetime_seconds)
    return Buildpack(row["name"], row["blob_key"], url, row["sha256"])
