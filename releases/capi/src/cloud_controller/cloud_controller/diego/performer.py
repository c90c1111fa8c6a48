"""Does what transactions left to do outside the database.

Each deed reads the newest records, so doing it late or twice does no harm. A deed the BBS refuses is repaired by the reconciliation
(processes) or ends the build or task that asked for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from cf_wire.bbs.desired_lrp_pb2 import DesiredLRP

from cloud_controller.actions import processes, staging
from cloud_controller.diego import facts, links, lrp, ssh_key, tasks
from cloud_controller.diego import staging as staging_facts
from cloud_controller.diego.contract import STAGING_DOMAIN, TASKS_DOMAIN, BbsError, LrpExists, LrpNotFound
from cloud_controller.diego.facts import MissingFacts
from cloud_controller.services import Services
from cloud_controller.state import tables as t
from cloud_controller.state.store import Effect, Record

log = logging.getLogger(__name__)

RunJob = Callable[[str], None]


class Performer:
    """See the module. ``run_job`` does a job's work."""

    def __init__(self, services: Services, run_job: RunJob) -> None:
        self._services = services
        self._deeds: dict[str, Callable[[Effect], None]] = {
            "desire_lrp": self._desire_lrp,
            "update_lrp": self._update_lrp,
            "stop_lrp": self._stop_lrp,
            "retire": self._retire,
            "stage": self._stage,
            "run_task": self._run_task,
            "cancel_task": self._cancel_task,
            "delete_blob": self._delete_blob,
            "run_job": lambda effect: run_job(effect.subject),
        }

    def __call__(self, effects: Sequence[Effect]) -> None:
        """Do them in their order; one that fails does not keep the others from being done."""
        for effect in effects:
            outcome = "done"
            try:
                self._deeds[effect.name](effect)
            except (BbsError, MissingFacts) as error:
                # What cannot be run as it is says nothing about the rest.
                outcome = "refused" if isinstance(error, BbsError) else "impossible"
                log.warning(
                    "cannot do what was asked",
                    extra={"deed": effect.name, "subject": effect.subject, "why": str(error)},
                )
            self._services.metrics.effects.labels(effect.name, outcome).inc()

    def _desire_lrp(self, effect: Effect) -> None:
        with self._services.database.reading() as store:
            found = facts.of_process(store, self._services.config, effect.subject)
        if found.process["state"] != "STARTED":
            return
        desired = build_lrp(self._services, found)
        try:
            self._services.bbs.desire_lrp(desired)
        except LrpExists:
            log.info("the instances are wanted already", extra={"process_guid": desired.process_guid})

    def _update_lrp(self, effect: Effect) -> None:
        with self._services.database.reading() as store:
            found = facts.of_process(store, self._services.config, effect.subject)
        if found.process["state"] != "STARTED":
            return
        guid = processes.lrp_guid(found.process)
        existing = self._services.bbs.desired_lrp(guid)
        if existing is None:
            self._services.bbs.desire_lrp(build_lrp(self._services, found))
            return
        self._services.bbs.update_lrp(guid, lrp.update(found, self._services.config, dict(existing.routes.routes)))

    def _stop_lrp(self, effect: Effect) -> None:
        try:
            self._services.bbs.remove_lrp(effect.subject)
        except LrpNotFound:
            log.info("there are no instances to stop", extra={"process_guid": effect.subject})

    def _retire(self, effect: Effect) -> None:
        self._services.bbs.retire_instance(effect.subject, int(effect.detail))

    def _stage(self, effect: Effect) -> None:
        services, guid = self._services, effect.subject
        try:
            with services.database.reading() as store:
                build = store.find(t.builds, guid)
                found = staging_facts.gather(store, services, build) if build else None
            if found:
                services.bbs.desire_task(guid, STAGING_DOMAIN, tasks.staging(found, services.config))
        except LrpExists:
            log.info("the build is under way already", extra={"build_guid": guid})
        except (BbsError, MissingFacts) as error:
            self._fail_build(guid, str(error))
            raise

    def _fail_build(self, guid: str, reason: str) -> None:
        with self._services.database.writing() as store:
            build = store.find(t.builds, guid, lock=True)
            if build:
                staging.fail(store, build, "StagingError", reason)

    def _run_task(self, effect: Effect) -> None:
        services, guid = self._services, effect.subject
        try:
            with services.database.reading() as store:
                found = facts.of_task(store, services.config, guid)
            url = links.droplet(services, found.droplet["blob_key"])
            callback = f"{services.config.internal_url}/internal/v4/tasks/{guid}/completed"
            services.bbs.desire_task(guid, TASKS_DOMAIN, tasks.app_task(found, services.config, url, callback))
            self._set_task(guid, {"state": "RUNNING"})
        except LrpExists:
            self._set_task(guid, {"state": "RUNNING"})
        except (BbsError, MissingFacts) as error:
            self._set_task(guid, {"state": "FAILED", "failure_reason": f"Unable to request task to be run: {error}"})
            raise

    def _set_task(self, guid: str, changes: Record) -> None:
        with self._services.database.writing() as store:
            # A short task may have told of its end before we come here.
            store.change_where(t.tasks, t.tasks.c.guid == guid, t.tasks.c.state == "PENDING", **changes)

    def _cancel_task(self, effect: Effect) -> None:
        try:
            self._services.bbs.cancel_task(effect.subject)
        except LrpNotFound:
            log.info("the task is over already", extra={"task_guid": effect.subject})

    def _delete_blob(self, effect: Effect) -> None:
        try:
            self._services.blobs.delete(effect.detail, effect.subject)
        except OSError as error:
            # Nobody refers to it any more; it only takes room.
            log.warning(
                "cannot delete a blob", extra={"bucket": effect.detail, "key": effect.subject, "why": str(error)}
            )


def build_lrp(services: Services, found: facts.ProcessFacts) -> DesiredLRP:
    """The LRP of a process, with a new ssh key where people may log in."""
    about = found.about
    ssh = services.config.allow_app_ssh_access and about.app["enable_ssh"] and about.space["allow_ssh"]
    url = links.droplet(services, found.droplet["blob_key"])
    return lrp.desired(found, services.config, url, ssh_key.generate() if ssh else None)
