"""Where everything is: ``/``, ``/v3``, ``/v3/info``, ``/v2/info``, health and metrics."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from cloud_controller.state import tables as t
from cloud_controller.state.store import Record
from cloud_controller.web.call import Call, Reply, Route, get

# Clients switch behaviour on by this number; each gate up to it holds (see README).
V3_VERSION: Final = "3.228.0"
BROKER_API_VERSION: Final = "2.15"

_RESOURCES: Final = (
    "app_usage_events",
    "apps",
    "audit_events",
    "buildpacks",
    "builds",
    "deployments",
    "domains",
    "droplets",
    "environment_variable_groups",
    "feature_flags",
    "info",
    "isolation_segments",
    "organizations",
    "organization_quotas",
    "packages",
    "processes",
    "resource_matches",
    "roles",
    "routes",
    "security_groups",
    "service_brokers",
    "service_credential_bindings",
    "service_instances",
    "service_offerings",
    "service_plans",
    "service_route_bindings",
    "service_usage_events",
    "spaces",
    "space_quotas",
    "stacks",
    "tasks",
    "users",
)


def _link(href: str, **meta: str) -> Record | None:
    if not href:
        return None
    return {"href": href, "meta": meta} if meta else {"href": href}


def root(call: Call) -> Reply:
    """``GET /``: where the parts of the installation are."""
    config = call.config
    ssh = {"host_key_fingerprint": config.ssh_host_key_fingerprint, "oauth_client": config.ssh_oauth_client}
    policy = config.network_policy_url or f"{config.url}/networking"
    links = {
        "self": _link(config.url),
        "cloud_controller_v2": None,
        "cloud_controller_v3": _link(f"{config.url}/v3", version=V3_VERSION),
        "network_policy_v0": _link(f"{policy}/v0/external"),
        "network_policy_v1": _link(f"{policy}/v1/external"),
        "login": _link(config.uaa.login_url),
        "uaa": _link(config.uaa.url),
        "credhub": None,
        "routing": _link(config.routing_api_url or f"{config.url}/routing"),
        "logging": _link(config.logging_url),
        "log_cache": _link(config.log_cache_url),
        "log_stream": _link(config.log_stream_url),
        "app_ssh": _link(config.ssh_address, **ssh),
    }
    return Reply(body={"links": links})


def v3_root(call: Call) -> Reply:
    """``GET /v3``: one link for each resource."""
    links = {"self": {"href": f"{call.config.url}/v3"}}
    links |= {name: {"href": f"{call.config.url}/v3/{name}"} for name in _RESOURCES}
    return Reply(body={"links": links})


def info(call: Call) -> Reply:
    """``GET /v3/info``."""
    config = call.config
    return Reply(
        body={
            "build": config.build,
            "cli_version": {"minimum": config.minimum_cli_version, "recommended": config.recommended_cli_version},
            "custom": config.custom,
            "description": config.description,
            "name": config.name,
            "version": config.version,
            "osbapi_version": BROKER_API_VERSION,
            "rate_limits": {"enabled": False, "general_limit": None, "reset_interval_in_minutes": None},
            "links": {"self": {"href": f"{config.url}/v3/info"}, "support": {"href": config.support_url}},
        }
    )


def old_info(call: Call) -> Reply:
    """``GET /v2/info``: what old clients look for first."""
    config = call.config
    return Reply(
        body={
            "name": config.name,
            "build": config.build,
            "support": config.support_url,
            "version": config.version,
            "description": config.description,
            "authorization_endpoint": config.uaa.login_url,
            "token_endpoint": config.uaa.url,
            "min_cli_version": config.minimum_cli_version or None,
            "min_recommended_cli_version": config.recommended_cli_version or None,
            "app_ssh_endpoint": config.ssh_address,
            "app_ssh_host_key_fingerprint": config.ssh_host_key_fingerprint,
            "app_ssh_oauth_client": config.ssh_oauth_client,
            "doppler_logging_endpoint": config.logging_url,
            "api_version": "2.293.0",
            "osbapi_version": BROKER_API_VERSION,
            "routing_endpoint": config.routing_api_url or f"{config.url}/routing",
            "user": None,
        }
    )


def usage_summary(call: Call) -> Reply:
    """``GET /v3/info/usage_summary``: what runs, for those who read everything."""
    if not call.who.reads_everything:
        call.access.require_admin()
    return Reply(
        body={
            "usage_summary": summary(call, sa.true()),
            "links": {"self": {"href": f"{call.config.url}/v3/info/usage_summary"}},
        }
    )


def summary(call: Call, where: sa.ColumnElement[bool]) -> Record:
    """What started processes use, of spaces that meet a condition."""
    p = t.processes.c
    joined = (
        sa.select(
            sa.func.coalesce(sa.func.sum(p.instances), 0).label("started_instances"),
            sa.func.coalesce(sa.func.sum(p.instances * p.memory_in_mb), 0).label("memory_in_mb"),
        )
        .join(t.apps, t.apps.c.guid == p.app_guid)
        .join(t.spaces, t.spaces.c.guid == t.apps.c.space_guid)
    )
    row = call.store.first(joined.where(p.state == "STARTED", where)) or {}
    routes = sa.select(sa.func.count()).select_from(t.routes).join(t.spaces, t.spaces.c.guid == t.routes.c.space_guid)
    instances = sa.select(sa.func.count()).select_from(t.service_instances)
    instances = instances.join(t.spaces, t.spaces.c.guid == t.service_instances.c.space_guid)
    return {
        "started_instances": int(row["started_instances"]),
        "memory_in_mb": int(row["memory_in_mb"]),
        "routes": int(call.store.value(routes.where(where))),
        "service_instances": int(call.store.value(instances.where(where))),
    }


def healthz(call: Call) -> Reply:
    """``GET /healthz``: the database answers."""
    call.store.value(sa.select(sa.literal(1)))
    return Reply(text="OK", content_type="text/plain; charset=utf-8")


def metrics(call: Call) -> Reply:
    """``GET /metrics``: for Prometheus."""
    return Reply(text=call.services.metrics.text().decode(), content_type="text/plain; version=0.0.4; charset=utf-8")


ROUTES: list[Route] = [
    get("/", root, "open"),
    get("/v3", v3_root, "open"),
    get("/v3/info", info, "open"),
    get("/v2/info", old_info, "open"),
    get("/v3/info/usage_summary", usage_summary),
    get("/healthz", healthz, "open"),
]
