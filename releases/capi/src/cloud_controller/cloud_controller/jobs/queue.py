"""Jobs in the database: asked for in a request's transaction, done right after it, or by a worker when that was interrupted.

A worker takes a job by moving its lock into the future with one conditional statement, so each job is done by one worker at a time;
a worker that dies leaves a lock that runs out. Doing a job twice does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.auth.tokens import Identity
from cloud_controller.state import tables as t
from cloud_controller.state.store import Database, Record, Store
from cloud_controller.web.metrics import Metrics

log = logging.getLogger(__name__)

LOCK = timedelta(minutes=10)
ATTEMPTS = 3

Work = Callable[[Store, Record], list[str]]
"""Does a job inside its transaction; gives back warnings."""


def enqueue(
    store: Store, who: Identity | None, operation: str, resource: tuple[str, str], payload: Record | None = None
) -> str:
    """A new job; returns its guid. ``resource`` is type and guid of what it is about."""
    owner = {"guid": who.guid, "name": who.name, "email": who.email, "is_client": who.is_client} if who else None
    job = store.insert(
        t.jobs,
        operation=operation,
        state="QUEUED",
        payload={**(payload or {}), "who": owner},
        resource_type=resource[0],
        resource_guid=resource[1],
        owner_guid=who.guid if who else None,
        run_at=store.now(),
    )
    store.later("run_job", job["guid"])
    return str(job["guid"])


def acting(payload: Record) -> Identity | None:
    """On whose behalf a job is done, for audit events."""
    owner = payload.get("who")
    if not owner:
        return None
    return Identity(owner["guid"], owner["name"], owner["email"], "", frozenset(), owner["is_client"], 0.0)


class Worker:
    """Does jobs."""

    def __init__(self, database: Database, handlers: Mapping[str, Work], metrics: Metrics) -> None:
        self._database = database
        self._handlers = handlers
        self._metrics = metrics

    def run(self, guid: str) -> bool:
        """Do a job unless somebody else does it; whether we did."""
        job = self._take(guid)
        if job is None:
            return False
        try:
            with self._database.writing() as store:
                warnings = self._handlers[job["operation"]](store, job)
                store.change(t.jobs, guid, state="COMPLETE", warnings=warnings, locked_until=None)
        except errors.ApiError as error:
            self._fail(job, error)
        except Exception as error:  # noqa: BLE001  (whatever a job dies of must not take the worker along)
            self._try_later(job, error)
        else:
            self._metrics.jobs.labels(job["operation"], "COMPLETE").inc()
        return True

    def _take(self, guid: str) -> Record | None:
        with self._database.writing() as store:
            now, c = store.now(), t.jobs.c
            free = sa.or_(c.locked_until.is_(None), c.locked_until < now)
            taken = store.change_where(
                t.jobs,
                c.guid == guid,
                c.state.in_(("QUEUED", "PROCESSING")),
                free,
                state="PROCESSING",
                locked_until=now + LOCK,
                attempts=c.attempts + 1,
            )
            return store.find(t.jobs, guid) if taken else None

    def _fail(self, job: Record, error: errors.ApiError) -> None:
        self._metrics.jobs.labels(job["operation"], "FAILED").inc()
        with self._database.writing() as store:
            store.change(t.jobs, job["guid"], state="FAILED", errors=error.body()["errors"], locked_until=None)

    def _try_later(self, job: Record, error: Exception) -> None:
        log.error("a job failed", extra={"job": job["guid"], "operation": job["operation"]}, exc_info=error)
        if job["attempts"] >= ATTEMPTS:
            self._fail(job, errors.server_error())
            return
        with self._database.writing() as store:
            later = store.now() + timedelta(seconds=2 ** job["attempts"])
            store.change(t.jobs, job["guid"], state="QUEUED", run_at=later, locked_until=None)

    def run_waiting(self, limit: int = 50) -> int:
        """Do jobs that nobody does; how many."""
        with self._database.reading() as store:
            now, c = store.now(), t.jobs.c
            waiting = sa.and_(c.state == "QUEUED", c.run_at <= now)
            abandoned = sa.and_(c.state == "PROCESSING", c.locked_until < now)
            guids = store.column(sa.select(c.guid).where(sa.or_(waiting, abandoned)).order_by(c.id).limit(limit))
        return sum(self.run(guid) for guid in guids)
