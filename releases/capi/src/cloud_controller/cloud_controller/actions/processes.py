"""Processes: made, changed, scaled, started and stopped."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud_controller.actions import quotas
from cloud_controller.config import Config
from cloud_controller.state import labels
from cloud_controller.state import tables as t
from cloud_controller.state.store import Record, Store

WEB = "web"
# What a clone of a process takes over for a deployment.
SETTINGS = (
    "command",
    "user",
    "memory_in_mb",
    "disk_in_mb",
    "log_rate_limit",
    "health_check_type",
    "health_check_timeout",
    "health_check_endpoint",
    "health_check_invocation_timeout",
    "health_check_interval",
    "readiness_type",
    "readiness_endpoint",
    "readiness_invocation_timeout",
    "readiness_interval",
)


def lrp_guid(process: Record) -> str:
    """The process's name at the BBS (cloud_controller_ng: Diego::ProcessGuid)."""
    return f"{process['guid']}-{process['version']}"


def split_lrp_guid(guid: str) -> tuple[str, str]:
    """Process guid and version of a name at the BBS; both are UUIDs."""
    return guid[:36], guid[37:]


def create(store: Store, config: Config, app: Record, kind: str, **settings: Any) -> Record:
    """A new process of an app; one instance for web, none for others."""
    defaults = {
        "app_guid": app["guid"],
        "type": kind,
        "state": "STOPPED",
        "version": store.new_guid(),
        "instances": 1 if kind == WEB else 0,
        "memory_in_mb": config.defaults.memory_in_mb,
        "disk_in_mb": config.defaults.disk_in_mb,
        "log_rate_limit": config.defaults.log_rate_limit,
        "health_check_type": "port" if kind == WEB else "process",
        "readiness_type": "process",
    }
    # The first web process has its app's guid (cloud_controller_ng: AppCreate).
    if kind == WEB and store.find(t.processes, app["guid"]) is None:
        defaults["guid"] = app["guid"]
    return store.insert(t.processes, **{**defaults, **settings})


def clone(store: Store, process: Record, **changes: Any) -> Record:
    """A second process of the same type, stopped."""
    copied = {name: process[name] for name in SETTINGS}
    fresh = {"app_guid": process["app_guid"], "type": process["type"], "state": "STOPPED", "version": store.new_guid()}
    made = store.insert(t.processes, **{**copied, **fresh, "instances": process["instances"], **changes})
    labels.copy(store, "process", process["guid"], made["guid"])
    return made


def of_app(store: Store, app_guid: str) -> list[Record]:
    """All processes of an app, oldest first."""
    return store.rows(sa.select(t.processes).where(t.processes.c.app_guid == app_guid).order_by(t.processes.c.id))


def newest(store: Store, app_guid: str, kind: str) -> Record | None:
    """The newest process of a type: during a deployment there are several."""
    query = sa.select(t.processes).where(t.processes.c.app_guid == app_guid, t.processes.c.type == kind)
    return store.first(query.order_by(t.processes.c.id.desc()))


def wish_of(process: Record) -> quotas.Wish:
    """What a process uses when it is started."""
    return quotas.Wish(process["memory_in_mb"], process["instances"], process["log_rate_limit"])


def scale(store: Store, space: Record, process: Record, changes: Record) -> Record:
    """New numbers; instances change at once, sizes with the next start.

    Raises:
        ApiError: a quota forbids it.
    """
    wanted = {**process, **changes}
    if process["state"] == "STARTED":
        quotas.check(store, space, wish_of(wanted), instead_of=process["guid"])
    store.change(t.processes, process["guid"], **changes)
    if process["state"] == "STARTED" and "instances" in changes:
        store.later("update_lrp", process["guid"])
    return store.find(t.processes, process["guid"]) or wanted


def start(store: Store, space: Record, process: Record, *, revision_guid: str | None = None) -> None:
    """Have instances run, with what the app is now."""
    quotas.check(store, space, wish_of(process), instead_of=process["guid"])
    store.change(
        t.processes,
        process["guid"],
        state="STARTED",
        version=store.new_guid(),
        revision_guid=revision_guid or process["revision_guid"],
    )
    store.later("desire_lrp", process["guid"])


def stop(store: Store, process: Record) -> None:
    """Have no instances any more."""
    if process["state"] == "STARTED":
        store.later("stop_lrp", lrp_guid(process))
    store.change(t.processes, process["guid"], state="STOPPED")


def remove(store: Store, process: Record) -> None:
    """The process is gone, its instances too."""
    if process["state"] == "STARTED":
        store.later("stop_lrp", lrp_guid(process))
    labels.forget(store, "process", [process["guid"]])
    store.remove(t.processes, process["guid"])


def touched(store: Store, app_guids: set[str], kind: str | None = None) -> None:
    """Routes of these apps changed: tell the BBS about their started processes."""
    if not app_guids:
        return
    query = sa.select(t.processes).where(
        t.processes.c.app_guid.in_(sorted(app_guids)), t.processes.c.state == "STARTED"
    )
    if kind:
        query = query.where(t.processes.c.type == kind)
    for process in store.rows(query):
        # The reconciliation compares this time with the one the BBS knows.
        store.change(t.processes, process["guid"])
        store.later("update_lrp", process["guid"])
