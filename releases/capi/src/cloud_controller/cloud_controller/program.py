"""Puts the parts together: services, applications, threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from starlette.applications import Starlette

from cloud_controller import seeds
from cloud_controller.api import all as api
from cloud_controller.deployments import update as deployments
from cloud_controller.diego import sync
from cloud_controller.diego.performer import Performer
from cloud_controller.jobs.handlers import handlers
from cloud_controller.jobs.queue import Worker
from cloud_controller.scheduler import chores
from cloud_controller.scheduler.clock import ClockJob, Ticker, run_due
from cloud_controller.services import Services
from cloud_controller.web import app


@dataclass(frozen=True)
class Program:
    """A running Cloud Controller but for its listeners."""

    services: Services
    performer: Performer
    worker: Worker
    public: Starlette
    internal: Starlette
    tickers: list[Ticker]


def assemble(services: Services) -> Program:
    """Everything, not yet started."""
    worker = Worker(services.database, handlers(services.config), services.metrics)
    performer = Performer(services, lambda guid: _run(worker, guid))
    services.database.perform = performer
    tickers = _tickers(services, performer, worker)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        for ticker in tickers:
            ticker.start()
        try:
            yield
        finally:
            for ticker in tickers:
                ticker.stop()

    public = app.build(services, api.PUBLIC, lifespan)
    return Program(services, performer, worker, public, app.build(services, api.INTERNAL), tickers)


def _run(worker: Worker, guid: str) -> None:
    worker.run(guid)


def plant(services: Services) -> None:
    """What exists from the start."""
    with services.database.writing() as store:
        seeds.plant(store, services.config, services.blobs)


def clock_jobs(services: Services, performer: Performer) -> list[ClockJob]:
    """What the clock does, of all instances on one at a time."""
    config, database = services.config, services.database

    def forget_old() -> None:
        with database.writing() as store:
            chores.forget_old(store, config)

    def forget_surplus() -> None:
        with database.writing() as store:
            chores.forget_surplus(store, config)

    def fail_lost_builds() -> None:
        with database.writing() as store:
            services.metrics.staging.set(chores.fail_lost_builds(store, config))

    def reconcile() -> None:
        try:
            sync.run(services, performer)
        except Exception:
            services.metrics.sync_failures.inc()
            raise

    return [
        ClockJob("diego_sync", reconcile, timedelta(seconds=config.diego.sync_interval_seconds)),
        ClockJob("deployments", lambda: deployments.run(services), timedelta(seconds=config.deployment_poll_seconds)),
        ClockJob("lost_builds", fail_lost_builds, timedelta(minutes=1)),
        ClockJob("forget_old", forget_old, daily_at=(20, 0)),
        ClockJob("forget_surplus", forget_surplus, daily_at=(3, 30)),
    ]


def _tickers(services: Services, performer: Performer, worker: Worker) -> list[Ticker]:
    jobs = clock_jobs(services, performer)
    # Each job has a thread of its own, so that a slow one does not keep the others.
    clocks = [Ticker(f"clock-{job.name}", 1.0, partial(run_due, services.database, [job])) for job in jobs]
    workers = [Ticker(f"worker-{number}", 1.0, worker.run_waiting) for number in range(services.config.job_workers)]
    return [*clocks, *workers]
