"""What the director does by itself, and how often (bosh: director.yml.erb, scheduled_jobs)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bosh.director.config import Config
from bosh.director.tasks import engine
from bosh.state.contract import Store
from bosh.system.clock import Clock

SYSTEM_USER = "scheduler"


@dataclass(frozen=True, slots=True)
class Duty:
    """Something done every ``every_s`` seconds."""

    name: str
    every_s: float
    do: Callable[[], int]
    """How many things it removed, ended or asked for."""


def duties(config: Config, store: Store, tasks: engine.Tasks, clock: Clock) -> tuple[Duty, ...]:
    """All of them; the periods are the original's, but time-outs are looked for often and old tasks daily."""
    found = [
        Duty("task_timeouts", 30.0, tasks.mark_silent),
        Duty("old_tasks", 24 * 3600.0, lambda: tasks.forget_old(config.max_tasks)),
        Duty("orphaned_vms", 300.0, lambda: ask_for_orphaned_vms(store, tasks)),
        Duty("orphaned_disks", 1800.0, lambda: ask_for_orphaned_disks(config, store, tasks, clock)),
    ]
    if config.record_events:
        found.append(Duty("old_events", 60.0, lambda: forget_events(store, config.max_events)))
    return tuple(found)


def forget_events(store: Store, max_events: int) -> int:
    """Keep the newest ``max_events``, and a little more where one of them has an older parent."""
    newest = store.events.list(newest_first=True, limit=max_events)
    if len(newest) < max_events:
        return 0
    first = min((event.parent_id for event in newest if event.parent_id), default=newest[-1].id)
    return _delete_before(store, min(first, newest[-1].id))


def _delete_before(store: Store, event_id: int) -> int:
    removed = 0
    while rows := store.events.list(newest_first=True, limit=500, before_id=event_id):
        removed += store.events.delete(id=[row.id for row in rows])
    return removed


def _is_asked_for(store: Store, task_type: str) -> bool:
    return bool(store.tasks.count(type=task_type, state=["queued", "processing"]))


def ask_for_orphaned_vms(store: Store, tasks: engine.Tasks) -> int:
    """A task that deletes VMs which were replaced and left for later."""
    waiting = sum(vm.orphaned_at is not None for vm in store.vms.list())
    if not waiting or _is_asked_for(store, "delete_orphaned_vms"):
        return 0
    tasks.enqueue(engine.Request("delete_orphaned_vms", "delete orphaned vms", SYSTEM_USER), {})
    return waiting


def ask_for_orphaned_disks(config: Config, store: Store, tasks: engine.Tasks, clock: Clock) -> int:
    """A task that deletes disks orphaned for ``orphaned_disks_max_age_days``."""
    now = clock.now()
    old = [
        disk.cid
        for disk in store.disks.list()
        if disk.orphaned_at is not None and (now - disk.orphaned_at).days >= config.orphaned_disks_max_age_days
    ]
    if not old or _is_asked_for(store, "delete_orphan_disks"):
        return 0
    request = engine.Request("delete_orphan_disks", "delete orphan disks", SYSTEM_USER)
    tasks.enqueue(request, {"disk_cids": old})
    return len(old)
