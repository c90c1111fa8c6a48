"""Every request, by listener."""

from __future__ import annotations

from cloud_controller.api import (
    apps,
    builds,
    catalog,
    deployments,
    domains,
    downloads,
    internal,
    manifests,
    organizations,
    packages,
    platform,
    processes,
    quotas,
    roles,
    root,
    routes,
    security_groups,
    services,
    spaces,
    tasks,
    users,
)
from cloud_controller.web.call import Route, get

_MODULES = (
    root,
    organizations,
    spaces,
    roles,
    users,
    quotas,
    security_groups,
    apps,
    processes,
    packages,
    builds,
    deployments,
    tasks,
    domains,
    routes,
    platform,
    services,
    catalog,
    manifests,
    downloads,
)
PUBLIC: list[Route] = [route for module in _MODULES for route in module.ROUTES] + internal.UPLOADS
INTERNAL: list[Route] = [
    *internal.ROUTES,
    *downloads.ROUTES,
    get("/healthz", root.healthz, "open"),
    get("/metrics", root.metrics, "open"),
]
