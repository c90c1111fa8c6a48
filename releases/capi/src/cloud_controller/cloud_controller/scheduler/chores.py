"""What is forgotten after a while, and what is looked after every few minutes (times: cloud_controller_ng job spec)."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from cloud_controller.actions import revisions, staging
from cloud_controller.config import Config
from cloud_controller.deployments import create as deployments
from cloud_controller.state import tables as t
from cloud_controller.state.store import Store

GRACE = timedelta(minutes=5)


def forget_old(store: Store, config: Config) -> None:
    """Events, jobs and finished tasks beyond their age."""
    kept, now = config.retention, store.now()
    for table, days in (
        (t.audit_events, kept.audit_events_days),
        (t.app_usage_events, kept.usage_events_days),
        (t.service_usage_events, kept.usage_events_days),
    ):
        store.remove_where(table, table.c.created_at < now - timedelta(days=days))
    done = t.jobs.c.state.in_(("COMPLETE", "FAILED"))
    store.remove_where(t.jobs, done, t.jobs.c.updated_at < now - timedelta(days=kept.jobs_days))
    over = t.tasks.c.state.in_(("SUCCEEDED", "FAILED"))
    store.remove_where(t.tasks, over, t.tasks.c.updated_at < now - timedelta(days=kept.completed_tasks_days))


def forget_surplus(store: Store, config: Config) -> None:
    """Revisions, deployments, packages, droplets and builds beyond their number, for every app."""
    kept = config.retention
    for app in store.rows(sa.select(t.apps)):
        revisions.expire(store, app["guid"], kept.revisions_per_app)
        deployments.expire(store, app["guid"], kept.deployments_per_app)
        staging.expire(
            store, app, packages=kept.packages_per_app, droplets=kept.droplets_per_app, builds=kept.builds_per_app
        )


def fail_lost_builds(store: Store, config: Config) -> int:
    """Builds of which nobody told the end in time; how many are under way."""
    limit = store.now() - timedelta(seconds=config.staging.timeout_seconds) - GRACE
    waiting = store.rows(sa.select(t.builds).where(t.builds.c.state == "STAGING"))
    for build in waiting:
        if build["updated_at"] < limit:
            staging.fail(store, build, "StagingTimeExpired", "Staging time expired")
    return len(waiting)
