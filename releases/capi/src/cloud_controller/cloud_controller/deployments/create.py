"""Begins, cancels and continues deployments (cloud_controller_ng: actions/deployment_create.rb, deployment_cancel.rb, deployment_continue.rb)."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from cloud_controller import errors
from cloud_controller.actions import apps, events, processes, quotas, revisions
from cloud_controller.auth.tokens import Identity
from cloud_controller.config import Config
from cloud_controller.deployments.decide import canary_plan, first_instances
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

PROGRESSING = ("DEPLOYING", "PREPAUSED")
ACTIVE = (*PROGRESSING, "PAUSED")


@dataclass(frozen=True)
class Wanted:
    """What a deployment is to bring: a droplet or a revision (else the app as it is), and how."""

    droplet_guid: str | None = None
    revision_guid: str | None = None
    strategy: str = "rolling"
    max_in_flight: int = 1
    canary_weights: tuple[int, ...] = ()
    sizes: Record = field(default_factory=dict)
    web_instances: int | None = None


def create(store: Store, config: Config, who: Identity, app: Record, wanted: Wanted) -> Record:
    """A new deployment; one under way before is superseded. Stopped apps are simply started.

    Raises:
        ApiError: no droplet, nothing to roll back, or a quota forbids it.
    """
    app = store.find(t.apps, app["guid"], lock=True) or app
    previous_droplet = app["droplet_guid"]
    app, revision = _target(store, config, who, app, wanted)
    previous = store.find_by(t.deployments, app_guid=app["guid"], status_value="ACTIVE")
    webs = web_processes(store, app["guid"])
    original = previous["original_web_process_instances"] if previous else webs[0]["instances"]
    deployment = _insert(store, app, wanted, revision, (previous_droplet, original))
    if app["state"] == "STOPPED":
        return _start_stopped(store, who, app, wanted, (deployment, webs[-1], revision))
    plan = canary_plan(wanted.canary_weights, original, wanted.web_instances)
    first = first_instances(wanted.strategy, plan, wanted.web_instances or original, wanted.max_in_flight)
    _clone_web(store, app, webs[-1], (deployment, revision), {"instances": first, **wanted.sizes})
    _supersede(store, previous)
    _record(store, who, app, "create", deployment)
    return store.find(t.deployments, deployment["guid"]) or deployment


def web_processes(store: Store, app_guid: str) -> list[Record]:
    """An app's web processes, oldest first: several while it is deployed."""
    return [process for process in processes.of_app(store, app_guid) if process["type"] == processes.WEB]


def _target(store: Store, config: Config, who: Identity, app: Record, wanted: Wanted) -> tuple[Record, Record | None]:
    if wanted.revision_guid is None:
        droplet = store.find(t.droplets, wanted.droplet_guid or app["droplet_guid"])
        if droplet is None:
            text = "Unable to assign current droplet. Ensure the droplet exists and belongs to this app."
            raise errors.unprocessable(
                text
                if wanted.droplet_guid
                else "Invalid droplet. Please specify a droplet in the request or set a current droplet for the app."
            )
        app = apps.set_droplet(store, config, who, app, droplet)
        return app, revisions.resolve(store, who, app)
    target = store.find(t.revisions, wanted.revision_guid)
    droplet = store.find(t.droplets, target["droplet_guid"]) if target else None
    if target is None or target["app_guid"] != app["guid"]:
        raise errors.unprocessable("The revision does not exist")
    if droplet is None:
        raise errors.unprocessable("Unable to deploy this revision, the droplet for this revision no longer exists.")
    app = apps.set_droplet(store, config, who, app, droplet)
    store.change(t.apps, app["guid"], environment_sealed=target["environment_sealed"])
    revision = revisions.roll_back(store, who, store.find(t.apps, app["guid"]) or app, target)
    return store.find(t.apps, app["guid"]) or app, revision


def _insert(
    store: Store, app: Record, wanted: Wanted, revision: Record | None, before: tuple[str | None, int]
) -> Record:
    canary = wanted.strategy == "canary"
    now = store.now()
    return store.insert(
        t.deployments,
        app_guid=app["guid"],
        state="PREPAUSED" if canary else "DEPLOYING",
        status_value="ACTIVE",
        status_reason="DEPLOYING",
        strategy=wanted.strategy,
        droplet_guid=app["droplet_guid"],
        previous_droplet_guid=before[0],
        original_web_process_instances=before[1],
        revision_guid=revision["guid"] if revision else None,
        revision_version=revision["version"] if revision else None,
        max_in_flight=wanted.max_in_flight,
        web_instances=wanted.web_instances,
        **wanted.sizes,
        canary_steps=[{"instance_weight": weight} for weight in wanted.canary_weights] or None,
        canary_current_step=1 if canary else None,
        last_healthy_at=now,
        status_updated_at=now,
    )


def _start_stopped(
    store: Store, who: Identity, app: Record, wanted: Wanted, parts: tuple[Record, Record, Record | None]
) -> Record:
    deployment, web, revision = parts
    changes = {**wanted.sizes, **({"instances": wanted.web_instances} if wanted.web_instances else {})}
    if changes:
        store.change(t.processes, web["guid"], **changes)
    apps.start(store, who, app, revision=revision)
    finalize(store, deployment, "DEPLOYED", "DEPLOYED")
    _record(store, who, app, "create", deployment)
    return store.find(t.deployments, deployment["guid"]) or deployment


def _clone_web(store: Store, app: Record, web: Record, parts: tuple[Record, Record | None], changes: Record) -> None:
    deployment, revision = parts
    command = (revision["commands"] or {}).get(processes.WEB) if revision else web["command"]
    made = processes.clone(store, web, command=command, revision_guid=revision["guid"] if revision else None, **changes)
    space = store.find(t.spaces, app["space_guid"]) or {}
    quotas.check(store, space, processes.wish_of(made), instead_of=made["guid"])
    processes.start(store, space, made)
    store.change(t.deployments, deployment["guid"], deploying_web_process_guid=made["guid"])


def finalize(store: Store, deployment: Record, state: str, reason: str) -> None:
    """A deployment is over."""
    now = store.now()
    store.change(
        t.deployments,
        deployment["guid"],
        state=state,
        status_value="FINALIZED",
        status_reason=reason,
        status_updated_at=now,
        error=None,
    )


def _supersede(store: Store, previous: Record | None) -> None:
    if previous:
        finalize(store, previous, "DEPLOYED" if previous["state"] == "DEPLOYING" else "CANCELED", "SUPERSEDED")


def _record(store: Store, who: Identity, app: Record, deed: str, deployment: Record) -> None:
    space = store.find(t.spaces, app["space_guid"])
    data = {
        "deployment_guid": deployment["guid"],
        "droplet_guid": deployment["droplet_guid"],
        "strategy": deployment["strategy"],
    }
    events.record(store, who, f"audit.app.deployment.{deed}", ("app", app), space=space, data=data)


def cancel(store: Store, config: Config, who: Identity, app: Record, deployment: Record) -> None:
    """Go back to what ran before; the updater does the rest.

    Raises:
        ApiError: it is over, or there is no way back.
    """
    if deployment["state"] not in ACTIVE:
        if deployment["state"] == "CANCELING":
            return
        raise errors.unprocessable(f"Cannot cancel a {deployment['state']} deployment")
    droplet = store.find(t.droplets, deployment["previous_droplet_guid"])
    if droplet is None:
        raise errors.unprocessable("Unable to cancel deployment: there is no previous droplet.")
    app = apps.set_droplet(store, config, who, app, droplet)
    revisions.resolve(store, who, app)
    now = store.now()
    store.change(
        t.deployments,
        deployment["guid"],
        state="CANCELING",
        status_value="ACTIVE",
        status_reason="CANCELING",
        status_updated_at=now,
    )
    _record(store, who, app, "cancel", deployment)


def proceed(store: Store, who: Identity, app: Record, deployment: Record) -> None:
    """After a canary step: the next step, or after the last one all instances.

    Raises:
        ApiError: it does not wait for that.
    """
    if deployment["state"] != "PAUSED":
        raise errors.unprocessable(
            f"Cannot continue a deployment with status: {deployment['status_value']} and reason: {deployment['status_reason']}"
        )
    step, total = deployment["canary_current_step"] or 1, len(deployment["canary_steps"] or [1])
    more = {"state": "PREPAUSED", "canary_current_step": step + 1} if step < total else {"state": "DEPLOYING"}
    store.change(t.deployments, deployment["guid"], **more, status_reason="DEPLOYING", status_updated_at=store.now())
    _record(store, who, app, "continue", deployment)


def expire(store: Store, app_guid: str, keep: int) -> None:
    """Forget all but the newest deployments of an app."""
    c = t.deployments.c
    query = sa.select(c.guid).where(c.app_guid == app_guid, c.status_value == "FINALIZED").order_by(c.id.desc())
    store.remove_where(t.deployments, c.guid.in_(store.column(query.offset(keep))))
