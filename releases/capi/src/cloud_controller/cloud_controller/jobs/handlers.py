"""What each kind of job does. Every handler copes with having been run before."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import apps, events, routes, services
from cloud_controller.auth.tokens import Identity
from cloud_controller.blobstore import contract as blobs
from cloud_controller.config import Config
from cloud_controller.jobs.queue import Work, acting
from cloud_controller.manifests import apply
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

Deletion = Callable[[Store, Identity | None, Record], None]


def _deleting(table: sa.Table, deed: Deletion) -> Work:
    def work(store: Store, job: Record) -> list[str]:
        found = store.find(table, job["resource_guid"], lock=True)
        if found:
            deed(store, acting(job["payload"]), found)
        return []

    return work


def delete_space(store: Store, who: Identity | None, space: Record) -> None:
    """A space with its apps, routes, service instances."""
    guid = space["guid"]
    for app in store.rows(sa.select(t.apps).where(t.apps.c.space_guid == guid)):
        apps.delete(store, who, app)
    for route in store.rows(sa.select(t.routes).where(t.routes.c.space_guid == guid)):
        routes.delete(store, who, route)
    for instance in store.rows(sa.select(t.service_instances).where(t.service_instances.c.space_guid == guid)):
        services.delete_instance(store, who, instance)
    labels.forget(store, "space", [guid])
    store.remove(t.spaces, guid)
    events.record(store, who, "audit.space.delete-request", ("space", space), space=space)


def delete_organization(store: Store, who: Identity | None, organization: Record) -> None:
    """An organization with its spaces, domains, quotas."""
    guid = organization["guid"]
    for space in store.rows(sa.select(t.spaces).where(t.spaces.c.organization_guid == guid)):
        delete_space(store, who, space)
    for domain in store.rows(sa.select(t.domains).where(t.domains.c.organization_guid == guid)):
        delete_domain(store, who, domain)
    labels.forget(store, "organization", [guid])
    store.remove(t.organizations, guid)
    target = ("organization", organization)
    events.record(store, who, "audit.organization.delete-request", target, organization_guid=guid)


def delete_domain(store: Store, who: Identity | None, domain: Record) -> None:
    """A domain with its routes."""
    for route in store.rows(sa.select(t.routes).where(t.routes.c.domain_guid == domain["guid"])):
        routes.delete(store, who, route)
    labels.forget(store, "domain", [domain["guid"]])
    store.remove(t.domains, domain["guid"])


def delete_unmapped_routes(store: Store, who: Identity | None, space: Record) -> None:
    """The routes of a space that lead nowhere and have no route service."""
    mapped = sa.select(t.destinations.c.route_guid)
    bound = sa.select(t.service_route_bindings.c.route_guid)
    c = t.routes.c
    for route in store.rows(
        sa.select(t.routes).where(c.space_guid == space["guid"], c.guid.not_in(mapped), c.guid.not_in(bound))
    ):
        routes.delete(store, who, route)


def delete_role(store: Store, who: Identity | None, role: Record) -> None:
    """A role."""
    store.remove(t.roles, role["guid"])
    space = store.find(t.spaces, role["space_guid"])
    target = ("user", {"guid": role["user_guid"], "name": ""})
    events.record(
        store,
        who,
        f"audit.user.{role['type']}_remove",
        target,
        space=space,
        organization_guid=role["organization_guid"],
    )


def delete_user(store: Store, _who: Identity | None, user: Record) -> None:
    """A user; the roles go along."""
    labels.forget(store, "user", [user["guid"]])
    store.remove(t.users, user["guid"])


def delete_package(store: Store, who: Identity | None, package: Record) -> None:
    """A package and its file."""
    _delete_with_blob(store, who, "package", t.packages, (blobs.PACKAGES, package))


def delete_droplet(store: Store, who: Identity | None, droplet: Record) -> None:
    """A droplet and its file."""
    _delete_with_blob(store, who, "droplet", t.droplets, (blobs.DROPLETS, droplet))


def _delete_with_blob(store: Store, who: Identity | None, kind: str, table: sa.Table, blob: tuple[str, Record]) -> None:
    bucket, record = blob
    app = store.find(t.apps, record["app_guid"])
    if record["blob_key"]:
        store.later("delete_blob", record["blob_key"], bucket)
    labels.forget(store, kind, [record["guid"]])
    store.remove(table, record["guid"])
    if app:
        space = store.find(t.spaces, app["space_guid"])
        events.record(
            store, who, f"audit.app.{kind}.delete", ("app", app), space=space, data={f"{kind}_guid": record["guid"]}
        )


def delete_buildpack(store: Store, _who: Identity | None, buildpack: Record) -> None:
    """A buildpack and its file; those behind it move up."""
    if buildpack["blob_key"]:
        store.later("delete_blob", buildpack["blob_key"], blobs.BUILDPACKS)
    labels.forget(store, "buildpack", [buildpack["guid"]])
    store.remove(t.buildpacks, buildpack["guid"])
    c = t.buildpacks.c
    store.change_where(
        t.buildpacks, c.position > buildpack["position"], c.lifecycle == buildpack["lifecycle"], position=c.position - 1
    )


def delete_organization_quota(store: Store, _who: Identity | None, quota: Record) -> None:
    """A quota that no organization has."""
    if store.find_by(t.organizations, quota_guid=quota["guid"]):
        raise errors.unprocessable(
            "This quota is applied to one or more organizations. Apply different quotas to those organizations before deleting."
        )
    store.remove(t.organization_quotas, quota["guid"])


def delete_space_quota(store: Store, _who: Identity | None, quota: Record) -> None:
    """A space quota; its spaces have none then."""
    store.remove(t.space_quotas, quota["guid"])


def delete_security_group(store: Store, _who: Identity | None, group: Record) -> None:
    """A security group."""
    store.remove(t.security_groups, group["guid"])


def delete_app(store: Store, who: Identity | None, app: Record) -> None:
    """An app with everything of it; processes at other addresses learn of the routes."""
    apps.delete(store, who, app)


def clear_buildpack_caches(store: Store, _job: Record) -> list[str]:
    """The next builds of all apps start without what earlier ones kept."""
    for app in store.rows(sa.select(t.apps).where(t.apps.c.buildpack_cache_sha256.is_not(None))):
        store.later("delete_blob", apps.cache_key(app), blobs.BUILDPACK_CACHE)
        store.change_where(t.apps, t.apps.c.guid == app["guid"], buildpack_cache_sha256=None)
    return []


def handlers(config: Config) -> dict[str, Work]:
    """All kinds of jobs."""

    def apply_manifest(store: Store, job: Record) -> list[str]:
        return apply.apply_all(
            store, config, acting(job["payload"]), job["resource_guid"], job["payload"]["applications"]
        )

    return {
        "app.delete": _deleting(t.apps, delete_app),
        "space.delete": _deleting(t.spaces, delete_space),
        "space.delete_unmapped_routes": _deleting(t.spaces, delete_unmapped_routes),
        "space.apply_manifest": apply_manifest,
        "organization.delete": _deleting(t.organizations, delete_organization),
        "organization_quota.delete": _deleting(t.organization_quotas, delete_organization_quota),
        "space_quota.delete": _deleting(t.space_quotas, delete_space_quota),
        "role.delete": _deleting(t.roles, delete_role),
        "user.delete": _deleting(t.users, delete_user),
        "package.delete": _deleting(t.packages, delete_package),
        "droplet.delete": _deleting(t.droplets, delete_droplet),
        "route.delete": _deleting(t.routes, routes.delete),
        "domain.delete": _deleting(t.domains, delete_domain),
        "buildpack.delete": _deleting(t.buildpacks, delete_buildpack),
        # The file was kept by the request; clients only want to wait for something.
        "buildpack.upload": lambda _store, _job: [],
        "droplet.upload": lambda _store, _job: [],
        "security_group.delete": _deleting(t.security_groups, delete_security_group),
        "service_instance.delete": _deleting(t.service_instances, services.delete_instance),
        "service_credential_binding.delete": _deleting(t.service_credential_bindings, services.unbind),
        "admin.clear_buildpack_cache": clear_buildpack_caches,
    }
