"""Quotas: what an organization or a space may use in all. A limit of null is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

EMPTY_LIMITS: Final[Record] = {
    "apps": {
        "total_memory_in_mb": None,
        "per_process_memory_in_mb": None,
        "total_instances": None,
        "per_app_tasks": None,
        "log_rate_limit_in_bytes_per_second": None,
    },
    "services": {"paid_services_allowed": True, "total_service_instances": None, "total_service_keys": None},
    "routes": {"total_routes": None, "total_reserved_ports": None},
}
ORGANIZATION_LIMITS: Final[Record] = {**EMPTY_LIMITS, "domains": {"total_domains": None}}


@dataclass(frozen=True)
class Use:
    """What started processes and running tasks use together."""

    memory_in_mb: int = 0
    instances: int = 0
    log_rate: int = 0


@dataclass(frozen=True)
class Wish:
    """One process or task as it will be."""

    memory_in_mb: int
    instances: int
    log_rate: int


def refusals(limits: Record, others: Use, wish: Wish, scope: str) -> list[str]:
    """Why the wish does not fit besides what the others use; ``scope`` is "" or "space_" (original words)."""
    apps = limits["apps"]
    problems = []
    if _over(apps["total_memory_in_mb"], others.memory_in_mb + wish.memory_in_mb * wish.instances):
        problems.append(f"memory {scope}quota_exceeded")
    if _over(apps["per_process_memory_in_mb"], wish.memory_in_mb):
        problems.append(f"memory {scope}instance_memory_limit_exceeded")
    if _over(apps["total_instances"], others.instances + wish.instances):
        problems.append(f"{'app_instance_limit' if not scope else 'space_app_instance_limit'} {scope}exceeded")
    limit = apps["log_rate_limit_in_bytes_per_second"]
    if limit is not None:
        if wish.log_rate < 0:
            noun = "space" if scope else "organization"
            problems.append(f"log_rate_limit cannot be unlimited in {noun}")
        elif others.log_rate + wish.log_rate * wish.instances > limit:
            problems.append(f"log_rate_limit exceeds {'space' if scope else 'organization'} log rate quota")
    return problems


def _over(limit: int | None, wanted: int) -> bool:
    # -1 is how manifests and old clients write "no limit".
    return limit is not None and limit != -1 and wanted > limit


def _use(store: Store, *where: sa.ColumnElement[bool], but: str) -> Use:
    p = t.processes.c
    total = sa.select(
        sa.func.coalesce(sa.func.sum(p.memory_in_mb * p.instances), 0).label("memory"),
        sa.func.coalesce(sa.func.sum(p.instances), 0).label("instances"),
        sa.func.coalesce(
            sa.func.sum(sa.case((p.log_rate_limit > 0, p.log_rate_limit * p.instances), else_=0)), 0
        ).label("rate"),
    )
    joined = total.join(t.apps, t.apps.c.guid == p.app_guid).join(t.spaces, t.spaces.c.guid == t.apps.c.space_guid)
    row = store.first(joined.where(p.state == "STARTED", p.guid != but, *where)) or {}
    tasks = (
        sa.select(sa.func.coalesce(sa.func.sum(t.tasks.c.memory_in_mb), 0))
        .join(t.apps, t.apps.c.guid == t.tasks.c.app_guid)
        .join(t.spaces, t.spaces.c.guid == t.apps.c.space_guid)
        .where(t.tasks.c.state.in_(("PENDING", "RUNNING")), *where)
    )
    return Use(int(row["memory"]) + int(store.value(tasks)), int(row["instances"]), int(row["rate"]))


def check(store: Store, space: Record, wish: Wish, *, instead_of: str = "") -> None:
    """Refuse a wish that a quota forbids; ``instead_of`` is the guid of the process it replaces.

    Raises:
        ApiError: 422 with the original words.
    """
    problems: list[str] = []
    organization = store.find(t.organizations, space["organization_guid"])
    quota = store.find(t.organization_quotas, organization["quota_guid"]) if organization else None
    if quota and _limits_apps(quota):
        use = _use(store, t.spaces.c.organization_guid == space["organization_guid"], but=instead_of)
        problems += refusals(quota["limits"], use, wish, "")
    space_quota = store.find(t.space_quotas, space["quota_guid"])
    if space_quota and _limits_apps(space_quota):
        problems += refusals(
            space_quota["limits"], _use(store, t.spaces.c.guid == space["guid"], but=instead_of), wish, "space_"
        )
    if problems:
        raise errors.unprocessable(*problems)


def _limits_apps(quota: Record) -> bool:
    return any(limit is not None for limit in quota["limits"]["apps"].values())


def check_routes(store: Store, space: Record, *, port: bool) -> None:
    """Refuse one more route (with a port of its own) when a quota forbids it."""
    organization = store.find(t.organizations, space["organization_guid"]) or {}
    levels = [
        ("space", space["name"], store.find(t.space_quotas, space["quota_guid"]), t.spaces.c.guid == space["guid"]),
        (
            "organization",
            organization.get("name"),
            store.find(t.organization_quotas, organization.get("quota_guid")),
            t.spaces.c.organization_guid == space["organization_guid"],
        ),
    ]
    for noun, name, quota, where in levels:
        limits = quota["limits"]["routes"] if quota else {}
        if _over(limits.get("total_routes"), _routes(store, where) + 1):
            raise errors.unprocessable(f"Routes quota exceeded for {noun} '{name}'.")
        if port and _over(limits.get("total_reserved_ports"), _routes(store, where, t.routes.c.port > 0) + 1):
            raise errors.unprocessable(f"Reserved route ports quota exceeded for {noun} '{name}'.")


def _routes(store: Store, *where: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(t.routes).join(t.spaces, t.spaces.c.guid == t.routes.c.space_guid)
    return int(store.value(query.where(*where)))
