"""Takes each deployment its next step."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import sqlalchemy as sa
from cf_wire.bbs.actual_lrp_pb2 import ActualLRP

from cloud_controller import errors
from cloud_controller.actions import processes
from cloud_controller.deployments import create
from cloud_controller.deployments.decide import Counts, Situation, Web, canary_plan, next_step
from cloud_controller.diego import instances
from cloud_controller.diego.contract import BbsError
from cloud_controller.services import Services
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

log = logging.getLogger(__name__)


def run(services: Services) -> int:
    """One pass over all deployments under way; how many there are. One that fails keeps its error and is tried again."""
    with services.database.reading() as store:
        c = t.deployments.c
        guids = store.column(sa.select(c.guid).where(c.state.in_((*create.PROGRESSING, "CANCELING"))).order_by(c.id))
    for guid in guids:
        try:
            advance(services, guid)
        except errors.ApiError as error:
            _keep_error(services, guid, str(error))
        except BbsError as error:
            log.info("a deployment waits", extra={"deployment": guid, "why": str(error)})
    return len(guids)


def _keep_error(services: Services, guid: str, text: str) -> None:
    with services.database.writing() as store:
        store.change(t.deployments, guid, error=text)


def advance(services: Services, guid: str) -> None:
    """Take one deployment its next step.

    Raises:
        BbsError: nobody knows what the instances do.
        ApiError: a quota forbids the step.
    """
    with services.database.reading() as store:
        deployment = store.find(t.deployments, guid)
        process = store.find(t.processes, deployment["deploying_web_process_guid"]) if deployment else None
    # Asked outside of the transaction, which must not wait for the BBS.
    lrps = services.bbs.actual_lrps([processes.lrp_guid(process)]) if process else []
    with services.database.writing() as store:
        locked = store.find(t.deployments, guid, lock=True)
        if locked is None:
            return
        if locked["state"] == "CANCELING":
            _go_back(store, locked)
        elif locked["state"] in create.PROGRESSING:
            _go_on(store, locked, lrps)


def count(process: Record, lrps: Iterable[ActualLRP]) -> Counts:
    """What the wanted instances do; ready ones are those that requests reach."""
    starting = routable = unhealthy = 0
    found = instances.newest(lrps)
    for index in range(process["instances"]):
        lrp = found.get(index)
        state = instances.state_of(lrp) if lrp else "STARTING"
        if lrp and state == "RUNNING" and instances.routable(lrp) is not False:
            routable += 1
        elif state in {"STARTING", "RUNNING"}:
            starting += 1
        else:
            unhealthy += 1
    return Counts(starting, routable, unhealthy)


def situation(deployment: Record, webs: list[Record], lrps: Iterable[ActualLRP]) -> Situation | None:
    """What there is to decide about; None when the new process is gone."""
    new = next((web for web in webs if web["guid"] == deployment["deploying_web_process_guid"]), None)
    if new is None:
        return None
    wanted = deployment["web_instances"] or deployment["original_web_process_instances"]
    target = interim = wanted
    if deployment["state"] == "PREPAUSED":
        weights = [step["instance_weight"] for step in deployment["canary_steps"] or []]
        plan = canary_plan(weights, deployment["original_web_process_instances"], deployment["web_instances"])
        step = plan[(deployment["canary_current_step"] or 1) - 1]
        target, interim = step.canary + step.original, step.canary
    others = tuple(Web(web["guid"], web["instances"]) for web in webs if web["guid"] != new["guid"])
    return Situation(
        Web(new["guid"], new["instances"]), others, count(new, lrps), deployment["max_in_flight"], target, interim
    )


def _go_on(store: Store, deployment: Record, lrps: list[ActualLRP]) -> None:
    webs = create.web_processes(store, deployment["app_guid"])
    now = situation(deployment, webs, lrps)
    if now is None:
        create.finalize(store, deployment, "CANCELED", "CANCELED")
        return
    step = next_step(now)
    by_guid = {web["guid"]: web for web in webs}
    app = store.find(t.apps, deployment["app_guid"]) or {}
    space = store.find(t.spaces, app.get("space_guid")) or {}
    for guid, wanted in step.scale:
        _scale(store, space, by_guid[guid], wanted, keep=guid == deployment["deploying_web_process_guid"])
    if step.healthy:
        store.change(t.deployments, deployment["guid"], last_healthy_at=store.now(), error=None)
    if step.finished:
        _finish_phase(store, deployment)


def _scale(store: Store, space: Record, web: Record, wanted: int, *, keep: bool) -> None:
    # Of the old processes one without instances has no more use, but the oldest, with the app's guid, is the way back of a cancellation.
    interim = not keep and web["guid"] != web["app_guid"]
    if wanted == 0 and interim:
        processes.remove(store, web)
        return
    processes.scale(store, space, web, {"instances": wanted})


def _finish_phase(store: Store, deployment: Record) -> None:
    now = store.now()
    if deployment["state"] == "PREPAUSED":
        store.change(
            t.deployments,
            deployment["guid"],
            state="PAUSED",
            status_reason="PAUSED",
            status_updated_at=now,
            last_healthy_at=now,
        )
        return
    for web in create.web_processes(store, deployment["app_guid"]):
        if web["guid"] != deployment["deploying_web_process_guid"]:
            processes.remove(store, web)
    _restart_others(store, deployment)
    create.finalize(store, deployment, "DEPLOYED", "DEPLOYED")


def _restart_others(store: Store, deployment: Record) -> None:
    app = store.find(t.apps, deployment["app_guid"]) or {}
    space = store.find(t.spaces, app.get("space_guid")) or {}
    revision = store.find(t.revisions, deployment["revision_guid"])
    for process in processes.of_app(store, deployment["app_guid"]):
        if process["type"] == processes.WEB:
            continue
        if revision:
            store.change(t.processes, process["guid"], command=(revision["commands"] or {}).get(process["type"]))
        processes.stop(store, process)
        processes.start(
            store, space, store.find(t.processes, process["guid"]) or process, revision_guid=deployment["revision_guid"]
        )


def _go_back(store: Store, deployment: Record) -> None:
    webs = create.web_processes(store, deployment["app_guid"])
    prior = next((web for web in webs if web["guid"] != deployment["deploying_web_process_guid"]), None)
    app = store.find(t.apps, deployment["app_guid"]) or {}
    space = store.find(t.spaces, app.get("space_guid")) or {}
    if prior:
        processes.scale(store, space, prior, {"instances": deployment["original_web_process_instances"]})
    for web in webs:
        if prior and web["guid"] != prior["guid"]:
            processes.remove(store, web)
    create.finalize(store, deployment, "CANCELED", "CANCELED")
