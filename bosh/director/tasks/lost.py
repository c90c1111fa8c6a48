"""What interrupted tasks made in clouds: given to the rows that wait for it, or deleted.

A worker that dies leaves entries of calls under way (``bosh.clients.cpi_journal``); their CPI programs live on and answer into files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from bosh.clients.cpi_journal import Entry, Journal
from bosh.director.tasks.contract import TaskContext
from bosh.wire import cpi as wire
from bosh.wire.errors import CloudError, CpiNotFound

_FIRST_LOOK_S = 0.02
_LONGEST_LOOK_S = 1.0


async def settle(context: TaskContext, journal: Journal) -> None:
    """Bring in the answers to lost calls.

    Those of the task's own deployment are waited for, however long their cloud takes: a VM that appears later would be nobody's, and would
    have the address that its successor needs. The operator may cancel the task.

    Raises:
        TaskCancelled.
    """
    for entry in list(journal.lost()):
        if not _has_ended(entry) and not _concerns(context, entry):
            continue
        await _ended(context, entry)
        await _give(context, entry)
        entry.forget()


def _concerns(context: TaskContext, entry: Entry) -> bool:
    if entry.method == "create_stemcell":
        return context.task.type == "update_stemcell"
    return bool(context.task.deployment) and context.task.deployment in _deployments(context, entry)


def _deployments(context: TaskContext, entry: Entry) -> Iterator[str]:
    store = context.store
    if entry.method == "create_vm":
        yield from (row.deployment for row in store.vms.list(agent_id=entry.key))
    elif entry.method == "create_disk":
        yield from (row.deployment for row in store.vms.list(cid=entry.key))
    elif entry.method == "snapshot_disk":
        yield from (row.deployment for row in store.disks.list(cid=entry.key))


async def _ended(context: TaskContext, entry: Entry) -> None:
    if _has_ended(entry):
        return
    context.log.notice("warning", f"Waiting for the cloud to end {entry.method}, which an interrupted task has begun")
    pause_s = _FIRST_LOOK_S
    while not _has_ended(entry):
        context.control.checkpoint()
        await context.clock.sleep_s(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_LOOK_S)


async def _give(context: TaskContext, entry: Entry) -> None:
    cid = _made(entry)
    if not cid:
        return
    context.log.debug(f"an interrupted task made {cid} with {entry.method}")
    store = context.store
    # Not active: whoever tidies up deletes it as half made.
    if entry.method == "create_vm":
        store.vms.update_where({"agent_id": entry.key, "cid": ""}, cid=cid, active=False)
    elif entry.method == "create_disk":
        for vm in store.vms.list(cid=entry.key):
            store.disks.update_where({"instance_uuid": vm.instance_uuid, "cid": ""}, cid=cid, active=False)
    elif entry.method == "create_stemcell" and not store.stemcells.count(cid=cid):
        await _delete(context, entry.cpi, "delete_stemcell", cid)
    elif entry.method == "snapshot_disk" and not store.snapshots.count(cid=cid):
        await _delete(context, entry.cpi, "delete_snapshot", cid)


def _has_ended(entry: Entry) -> bool:
    """A program that serves many calls lives on after its answer."""
    if not entry.program.alive:
        return True
    try:
        wire.decode_response(entry.answer)
    except wire.InvalidMessage:
        return False
    return True


def _made(entry: Entry) -> str:
    """The name of what was made; empty when nothing was, as far as the CPI says."""
    try:
        response = wire.decode_response(entry.answer)
    except wire.InvalidMessage:
        return ""
    if response.error is not None:
        return ""
    result: Any = response.result
    if isinstance(result, list):
        result = result[0] if result else ""
    return result if isinstance(result, str) else ""


async def _delete(context: TaskContext, cpi: str, method: str, cid: str) -> None:
    """It may be gone already."""
    with suppress(CpiNotFound):
        try:
            await context.cpis.named(cpi).call(method, cid)
        except CloudError as error:
            context.log.notice(
                "warning", f"Could not {method} '{cid}', which an interrupted task had made: {error.brief}"
            )
