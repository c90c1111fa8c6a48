"""All endpoints of the director."""

from __future__ import annotations

from bosh.director.api import (
    checks,
    cleanup,
    configs,
    deployments,
    disks,
    events,
    information,
    instances,
    links,
    metrics,
    releases,
    stemcells,
    tasks,
    typed_configs,
)
from bosh.director.api.app import App
from bosh.director.api.calls import Desk


def application(desk: Desk) -> App:
    """The director's HTTP API."""
    counts = information.RequestCounts()
    resources = (
        checks, cleanup, configs, deployments, disks, events, instances, links, metrics, releases, stemcells, tasks, typed_configs,
    )  # fmt: skip
    endpoints = [each for resource in resources for each in resource.ENDPOINTS]
    return App(desk, [*information.endpoints(counts), *endpoints], count=counts.count)
