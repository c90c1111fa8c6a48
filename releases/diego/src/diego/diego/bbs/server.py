"""The BBS without a network: a path and a body in, a body out. Sources: bbs routes.go, handlers/handlers.go, converger/converger.go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from cf_wire.bbs import desired_lrp_pb2, errors_pb2
from cf_wire.bbs_http import CALLS, Call
from google.protobuf.message import DecodeError, Message

from diego.convergence import Snapshot, TaskLimits, converge, converge_tasks
from diego.errors import BBSError, bad_request
from diego.task_states import TaskOutcome

from . import instances, processes, rest, tasks
from .context import Context, Effects, Hub, Peers
from .messages import task_start_request, wanted_of
from .store import Store, Transaction

log = logging.getLogger(__name__)

Handler = Callable[[Context, Any], Message]
READS: dict[str, Handler] = {
    "/v1/ping": rest.ping,
    "/v1/domains/list": rest.list_domains,
    "/v1/cells/list.r1": rest.list_cells,
    "/v1/actual_lrps/list": instances.list_all,
    "/v1/actual_lrps/list_by_process_guids": instances.list_by_process_guids,
    "/v1/desired_lrp_scheduling_infos/list": processes.list_scheduling_infos,
    "/v1/desired_lrp_scheduling_infos/get_by_process_guid": processes.get_scheduling_info,
    "/v1/desired_lrp_routing_infos/list": processes.list_routing_infos,
    "/v1/desired_lrps/list.r3": processes.list_all,
    "/v1/desired_lrps/get_by_process_guid.r3": processes.get,
    "/v1/tasks/list.r3": tasks.list_all,
    "/v1/tasks/get_by_task_guid.r3": tasks.get,
}
WRITES: dict[str, Handler] = {
    "/v1/domains/upsert": rest.upsert_domain,
    "/v1/actual_lrps/claim": instances.claim_,
    "/v1/actual_lrps/start.r1": instances.start_,
    "/v1/actual_lrps/start": instances.start_,
    "/v1/actual_lrps/crash": instances.crash_,
    "/v1/actual_lrps/fail": instances.fail_,
    "/v1/actual_lrps/remove": instances.remove_,
    "/v1/actual_lrps/retire": instances.retire_,
    "/v1/actual_lrps/remove_evacuating": instances.remove_evacuating_,
    "/v1/actual_lrps/evacuate_claimed": instances.evacuate_claimed_,
    "/v1/actual_lrps/evacuate_crashed": instances.evacuate_crashed_,
    "/v1/actual_lrps/evacuate_stopped": instances.evacuate_stopped_,
    "/v1/actual_lrps/evacuate_running.r1": instances.evacuate_running_,
    "/v1/actual_lrps/evacuate_running": instances.evacuate_running_,
    "/v1/desired_lrp/desire.r2": processes.desire,
    "/v1/desired_lrp/update": processes.update,
    "/v1/desired_lrp/remove": processes.remove,
    "/v1/tasks/desire.r2": tasks.desire,
    "/v1/tasks/start": tasks.start_,
    "/v1/tasks/cancel": tasks.cancel_,
    "/v1/tasks/fail": tasks.fail_,
    "/v1/tasks/reject": tasks.reject_,
    "/v1/tasks/complete": tasks.complete_,
    "/v1/tasks/resolving": tasks.resolving_,
    "/v1/tasks/delete": tasks.delete_,
}
ANSWERED: dict[str, Call] = {call.path: call for call in CALLS if call.path in READS or call.path in WRITES}
"""The calls that are answered. Those whose older revision only old clients use (`*.r2` lists, actual LRP groups) are not."""


class Server:
    """One BBS: a store, those it calls, and those who listen.

    Args:
        store: the database.
        peers: everyone it calls.
        lrp_hub, task_hub: where events go.
        now: nanoseconds since 1970.
        guid: makes a new unique text.
    """

    def __init__(
        self, store: Store, peers: Peers, lrp_hub: Hub, task_hub: Hub, now: Callable[[], int], guid: Callable[[], str]
    ) -> None:
        self._store, self._peers = store, peers
        self._lrp_hub, self._task_hub = lrp_hub, task_hub
        self._now, self._guid = now, guid

    def answer(self, path: str, body: bytes, trace: str = "") -> bytes:
        """Answer one call; what goes wrong stands in the answer's error.

        Raises:
            KeyError: there is no such path.
        """
        call = ANSWERED[path]
        effects = Effects()
        try:
            response = self._answer(call, body, trace, effects)
        except BBSError as error:
            response = call.response()
            response.error.type, response.error.message = error.code, str(error)  # type: ignore[attr-defined]
            self._keep_container(path, response, error)
            effects = Effects()
        self._perform(effects, trace)
        return response.SerializeToString()

    def _answer(self, call: Call, body: bytes, trace: str, effects: Effects) -> Message:
        request = None
        if call.request is not None:
            request = call.request()
            try:
                request.ParseFromString(body)
            except DecodeError as error:
                raise bad_request() from error
        reads = call.path in READS
        with self._store.reading() if reads else self._store.writing() as tx:
            context = Context(tx, self._now(), self._guid, self._peers, trace, effects)
            return (READS if reads else WRITES)[call.path](context, request)

    @staticmethod
    def _keep_container(path: str, response: Message, error: BBSError) -> None:
        """While it is not known what became of an evacuation, the cell keeps its container."""
        keeps = path.startswith("/v1/actual_lrps/evacuate_running")
        keeps |= path == "/v1/actual_lrps/evacuate_claimed" and error.code != errors_pb2.Error.ResourceNotFound
        if keeps:
            response.keep_container = True  # type: ignore[attr-defined]

    def converge(self, limits: TaskLimits | None = None) -> None:
        """Do what must be done so that what is becomes what is wanted."""
        cells = [one.cell_id for one in self._peers.cells()]
        self._converge_instances(cells)
        self._converge_tasks(cells, limits)

    def _converge_instances(self, cells: list[str]) -> None:
        effects = Effects()
        with self._store.writing() as tx:
            context = Context(tx, self._now(), self._guid, self._peers, effects=effects)
            snapshot = self._snapshot(context, cells)
            steps, lapsed = converge(snapshot, self._guid)
            tx.forget_domains(lapsed)
            for step in steps:
                log.info("%s %s/%d", step.reason, step.key.process_guid, step.key.index)
                with _unless_it_changed(tx):
                    context.carry_out(step.key, step.outcome)
                if step.update is not None:
                    effects.updates.append((step.key, step.update))
        self._perform(effects, "")

    @staticmethod
    def _snapshot(context: Context, cells: list[str]) -> Snapshot:
        everything = desired_lrp_pb2.DesiredLRPsRequest()
        routing = context.tx.desired_messages("routing", everything)
        desired = [wanted_of(desired_lrp_pb2.DesiredLRP.FromString(data)) for data in routing]
        return Snapshot(desired, context.tx.rows(), cells, context.tx.domains(), context.now)

    def _converge_tasks(self, cells: list[str], limits: TaskLimits | None) -> None:
        effects = Effects()
        with self._store.writing() as tx:
            context = Context(tx, self._now(), self._guid, self._peers, effects=effects)
            found = {task.guid: (task, definition) for task, definition in tx.tasks()}
            for step in converge_tasks((task for task, _ in found.values()), cells, context.now, limits):
                definition = found[step.before.guid][1]
                log.info("%s %s", step.reason, step.before.guid)
                with _unless_it_changed(tx):
                    tasks.carry_out(context, TaskOutcome(step.before, step.after, step.complete), definition)
                if step.auction:
                    effects.task_auctions.append(task_start_request(step.before.guid, step.before.domain, definition))
        self._perform(effects, "")

    def _perform(self, effects: Effects, trace: str) -> None:
        """Do what was remembered; a peer that fails is noted, and the others are still called."""
        for event in effects.lrp_events:
            self._lrp_hub.emit(event)
        for event in effects.task_events:
            self._task_hub.emit(event)
        for call in self._calls(effects, trace):
            try:
                call()
            except OSError:
                log.exception("cannot reach a peer; convergence will find what was left undone")

    def _calls(self, effects: Effects, trace: str) -> Iterator[Callable[[], None]]:
        peers = self._peers
        if effects.auctions:
            yield partial(peers.auction_lrps, effects.auctions, trace)
        if effects.task_auctions:
            yield partial(peers.auction_tasks, effects.task_auctions, trace)
        for key, instance in effects.stops:
            yield partial(peers.stop, key, instance, trace)
        for key, update in effects.updates:
            yield partial(peers.update, key, update, trace)
        for cell_id, guid in effects.cancels:
            yield partial(peers.cancel_task, cell_id, guid, trace)
        for url, callback in effects.callbacks:
            yield partial(peers.complete_task, url, callback)


@contextmanager
def _unless_it_changed(tx: Transaction) -> Iterator[None]:
    """Let a step of convergence go whose rows somebody has changed since the snapshot; the next one looks anew."""
    try:
        with tx.part():
            yield
    except BBSError as error:
        log.info("left as it is: %s", error)
