"""Runs what is due. Several instances may run clocks: before a job one of them moves the job's row, and only that one does it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cloud_controller.state import tables as t
from cloud_controller.state.store import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClockJob:
    """Something to do again and again; ``daily_at`` (hour, minute; UTC) or else ``every``."""

    name: str
    work: Callable[[], object]
    every: timedelta = timedelta(days=1)
    daily_at: tuple[int, int] | None = None


def is_due(job: ClockJob, last: datetime | None, now: datetime) -> bool:
    """Whether a job that began last at ``last`` is to begin now."""
    if job.daily_at is None:
        return last is None or now - last >= job.every
    hour, minute = job.daily_at
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    moment = today if now >= today else today - timedelta(days=1)
    return last is None or last < moment


def claim(database: Database, job: ClockJob) -> bool:
    """Take a job that is due; whether we are the one."""
    runs = t.clock_runs.c
    with database.writing() as store:
        row = store.first(sa.select(t.clock_runs).where(runs.name == job.name))
        last, now = (row["last_started_at"] if row else None), store.now()
        if not is_due(job, last, now):
            return False
        if row is None:
            store.connection.execute(sa.insert(t.clock_runs).values(name=job.name, last_started_at=now))
            return True
        return (
            store.change_where(t.clock_runs, runs.name == job.name, runs.last_started_at == last, last_started_at=now)
            == 1
        )


class Ticker:
    """A thread that does one kind of work until told to stop; what fails is logged and tried again next time."""

    def __init__(self, name: str, interval_seconds: float, work: Callable[[], object]) -> None:
        self._name = name
        self._interval_seconds = interval_seconds
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the work at hand."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _loop(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            try:
                self._work()
            except Exception as error:
                log.error("a pass failed", extra={"work": self._name}, exc_info=error)


def run_due(database: Database, jobs: list[ClockJob]) -> int:
    """Do what is due; how many."""
    done = 0
    for job in jobs:
        if claim(database, job):
            job.work()
            done += 1
    return done
