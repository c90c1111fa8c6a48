"""Reconciliation: the BBS is made to want exactly what the database says (cloud_controller_ng: diego/processes_sync.rb, tasks_sync.rb)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from cloud_controller.actions import processes
from cloud_controller.diego import lrp
from cloud_controller.diego.contract import APPS_DOMAIN, TASKS_DOMAIN, BbsError
from cloud_controller.diego.performer import Performer
from cloud_controller.services import Services
from cloud_controller.state import tables as t
from cloud_controller.state.store import Effect, Record, Store

log = logging.getLogger(__name__)

DOMAIN_TTL_SECONDS = 120
# A task that was asked for this recently may not be listed yet.
TASK_GRACE = timedelta(seconds=60)


@dataclass(frozen=True)
class Plan:
    """What to do: guids of processes to desire and to update, names of LRPs to remove."""

    desire: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def compare(wanted: Iterable[Record], known: Mapping[str, str]) -> Plan:
    """What makes the BBS agree. ``wanted`` are started processes; ``known`` is annotation by LRP name."""
    desire, update, named = [], [], set()
    for process in wanted:
        name = processes.lrp_guid(process)
        named.add(name)
        if name not in known:
            desire.append(process["guid"])
        elif known[name] != lrp.annotation(process):
            update.append(process["guid"])
    return Plan(tuple(desire), tuple(update), tuple(sorted(known.keys() - named)))


def run(services: Services, performer: Performer) -> None:
    """One pass. Only a pass without any failure says that the domains are complete, for the BBS then removes what is not wanted.

    Raises:
        BbsError: the BBS does not answer.
    """
    with services.metrics.syncs.time():
        # The BBS first: what is asked for meanwhile is then in the database and not taken for surplus.
        known = {i.desired_lrp_key.process_guid: i.annotation for i in services.bbs.scheduling_infos(APPS_DOMAIN)}
        with services.database.reading() as store:
            plan = compare(wanted_processes(store), known)
        before = _refused(services)
        performer([Effect("update_lrp", guid) for guid in plan.update])
        performer([Effect("desire_lrp", guid) for guid in plan.desire])
        performer([Effect("stop_lrp", name) for name in plan.remove])
        sync_tasks(services)
        if _refused(services) == before:
            for domain in (APPS_DOMAIN, TASKS_DOMAIN):
                services.bbs.bump_domain(domain, DOMAIN_TTL_SECONDS)


def _refused(services: Services) -> float:
    samples = (sample for metric in services.metrics.effects.collect() for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.labels.get("outcome") == "refused" and sample.name.endswith("_total")
    )


def wanted_processes(store: Store) -> list[Record]:
    """Started processes that have something to run."""
    columns = (t.processes.c.guid, t.processes.c.version, t.processes.c.updated_at)
    query = sa.select(*columns).join(t.apps, t.apps.c.guid == t.processes.c.app_guid)
    return store.rows(query.where(t.processes.c.state == "STARTED", t.apps.c.droplet_guid.is_not(None)))


def sync_tasks(services: Services) -> None:
    """Fail running tasks that the BBS does not know; cancel tasks there that nobody wants."""
    known = {task.task_guid for task in services.bbs.tasks(TASKS_DOMAIN)}
    with services.database.writing() as store:
        running = store.rows(sa.select(t.tasks).where(t.tasks.c.state.in_(("RUNNING", "CANCELING"))))
        for task in running:
            if task["guid"] not in known and task["updated_at"] < store.now() - TASK_GRACE:
                reason = "Unable to determine completion status"
                store.change(t.tasks, task["guid"], state="FAILED", failure_reason=reason)
    wanted = {task["guid"] for task in running if task["state"] == "RUNNING"}
    unknown = known - wanted
    with services.database.reading() as store:
        pending = set(
            store.column(
                sa.select(t.tasks.c.guid).where(t.tasks.c.guid.in_(sorted(unknown)), t.tasks.c.state == "PENDING")
            )
        )
    for guid in sorted(unknown - pending):
        try:
            services.bbs.cancel_task(guid)
        except BbsError as error:
            log.info("cannot cancel a task", extra={"task_guid": guid, "why": str(error)})
