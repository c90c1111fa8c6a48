"""Rows in and out of the database. Nothing is decided here.

SQLite and PostgreSQL serve alike: a writing transaction locks what it reads (PostgreSQL: the rows; SQLite: the file).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cf_wire.bbs import actual_lrp_pb2, desired_lrp_pb2, task_pb2
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Update,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from diego.database import writing
from diego.errors import conflict, exists, not_found
from diego.lrp_states import ActualLRP, Change, InstanceKey, Key, Presence, Runtime
from diego.task_states import Task, TaskOutcome, TaskState

from .messages import net_info_message, routing_info, runtime_of, scheduling_info
from .tables import ACTUAL, DESIRED, DOMAINS, TASKS

Definition = task_pb2.TaskDefinition
DesiredMessage = desired_lrp_pb2.DesiredLRP

# Building a statement costs more than running it, so what every request needs is built once.
_PROCESS = DESIRED.c.process_guid == bindparam("of_process")
_ADD_DESIRED = insert(DESIRED)
_PUT_DESIRED = update(DESIRED).where(_PROCESS)
_GET_DESIRED = select(DESIRED.c.message).where(_PROCESS).with_for_update()
_WANTS = select(DESIRED.c.instances, DESIRED.c.recreate).where(_PROCESS)
_PARTS = {part: select(DESIRED.c[part]).where(_PROCESS) for part in ("scheduling", "routing", "message")}
_OF_PROCESS = ACTUAL.c.process_guid == bindparam("of_process")
_OF_INDEX = ACTUAL.c.instance_index == bindparam("of_index")
_OF_PRESENCE = ACTUAL.c.presence == bindparam("of_presence")
_ORDER = (ACTUAL.c.instance_index, ACTUAL.c.presence)
_ROWS_OF_PROCESS = select(ACTUAL).where(_OF_PROCESS).order_by(*_ORDER).with_for_update()
_ROWS_OF_INDEX = select(ACTUAL).where(_OF_PROCESS, _OF_INDEX).order_by(*_ORDER).with_for_update()
_ADD_ROW = insert(ACTUAL)
_AS_SEEN = (
    _OF_PROCESS,
    _OF_INDEX,
    _OF_PRESENCE,
    ACTUAL.c.epoch == bindparam("of_epoch"),
    ACTUAL.c.tag == bindparam("of_tag"),
)
_PUT_ROW = update(ACTUAL).where(*_AS_SEEN)
_REMOVE_ROW = delete(ACTUAL).where(*_AS_SEEN)


class Store:
    """The database of one BBS."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Hold one transaction that writes; it is undone when an error leaves it."""
        with writing(self._engine) as connection:
            yield Transaction(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Hold one transaction that only reads."""
        with self._engine.connect() as connection, connection.begin():
            yield Transaction(connection)


class Transaction:
    """One transaction's view of the rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def part(self) -> Iterator[None]:
        """Hold a part of the transaction that is undone alone when an error leaves it."""
        with self._connection.begin_nested():
            yield

    # Domains

    def domains(self) -> dict[str, int]:
        """Return domain → until when it is fresh, in nanoseconds since 1970."""
        return {row.domain: row.expires_at for row in self._connection.execute(select(DOMAINS))}

    def put_domain(self, domain: str, expires_at: int) -> None:
        """Keep a domain fresh until then."""
        values = {"expires_at": expires_at}
        done = self._connection.execute(update(DOMAINS).where(DOMAINS.c.domain == domain).values(values))
        if not done.rowcount:
            self._connection.execute(insert(DOMAINS).values(domain=domain, **values))

    def forget_domains(self, domains: Iterable[str]) -> None:
        """Remove what has lapsed."""
        self._connection.execute(delete(DOMAINS).where(DOMAINS.c.domain.in_(list(domains))))

    # What is wanted

    def add_desired(self, lrp: DesiredMessage) -> None:
        """Keep a new process.

        Raises:
            BBSError: it is there already.
        """
        try:
            self._connection.execute(_ADD_DESIRED, {"process_guid": lrp.process_guid, **_desired_values(lrp)})
        except IntegrityError as error:
            raise exists() from error

    def desired(self, process_guid: str) -> DesiredMessage:
        """Return a process and lock it; raises BBSError when there is none."""
        data = self._connection.execute(_GET_DESIRED, {"of_process": process_guid}).scalar()
        if data is None:
            raise not_found()
        return DesiredMessage.FromString(data)

    def put_desired(self, lrp: DesiredMessage) -> None:
        """Keep a process that has changed."""
        self._connection.execute(_PUT_DESIRED, {"of_process": lrp.process_guid, **_desired_values(lrp)})

    def remove_desired(self, process_guid: str) -> None:
        """Forget a process."""
        self._connection.execute(delete(DESIRED).where(DESIRED.c.process_guid == process_guid))

    def wants(self, process_guid: str) -> tuple[int, bool] | None:
        """Return how many instances of a process are wanted, and whether it is recreated in place; None for nothing."""
        row = self._connection.execute(_WANTS, {"of_process": process_guid}).first()
        return None if row is None else (row.instances, row.recreate)

    def desired_messages(self, part: str, request: desired_lrp_pb2.DesiredLRPsRequest) -> list[bytes]:
        """Return serialized messages of all processes that a request asks for; `part` is a column."""
        chosen = select(DESIRED.c[part]).order_by(DESIRED.c.process_guid)
        if request.domain:
            chosen = chosen.where(DESIRED.c.domain == request.domain)
        if request.process_guids:
            chosen = chosen.where(DESIRED.c.process_guid.in_(list(request.process_guids)))
        if request.app_guids:
            # A process is called by its app's guid and a version.
            starts = [DESIRED.c.process_guid.startswith(guid, autoescape=True) for guid in request.app_guids]
            chosen = chosen.where(or_(*starts))
        return list(self._connection.execute(chosen).scalars())

    def desired_part(self, part: str, process_guid: str) -> bytes:
        """Return one serialized message of a process; raises BBSError when there is none."""
        data: bytes | None = self._connection.execute(_PARTS[part], {"of_process": process_guid}).scalar()
        if data is None:
            raise not_found()
        return data

    # What is

    def rows_of(self, process_guid: str, index: int | None = None) -> list[ActualLRP]:
        """Return the rows of one index (or of all of a process), and lock them."""
        if index is None:
            found = self._connection.execute(_ROWS_OF_PROCESS, {"of_process": process_guid})
        else:
            found = self._connection.execute(_ROWS_OF_INDEX, {"of_process": process_guid, "of_index": index})
        return [_row(one) for one in found]

    def rows(self, *where: ColumnElement[bool]) -> list[ActualLRP]:
        """Return all rows for which everything holds."""
        order = (ACTUAL.c.process_guid, ACTUAL.c.instance_index, ACTUAL.c.presence)
        return [_row(one) for one in self._connection.execute(select(ACTUAL).where(*where).order_by(*order))]

    def write(self, changes: Sequence[Change]) -> None:
        """Carry out changes to rows; removals first, so that one row may take another's place.

        Raises:
            BBSError: another transaction has changed, removed or made such a row since it was looked at.
        """
        there = {_identity(one.before): one.before for one in changes if one.before}
        kept = {_identity(one.after) for one in changes if one.after}
        for identity, before in there.items():
            if identity not in kept:
                self._expect_one(_REMOVE_ROW, _as_seen(before))
        for after in (one.after for one in changes if one.after):
            seen = there.get(_identity(after))
            if seen is None:
                self._insert(after)
            else:
                self._expect_one(_PUT_ROW, {**_as_seen(seen), **_row_values(after)})

    def _expect_one(self, statement: Update | Delete, parameters: dict[str, Any]) -> None:
        if self._connection.execute(statement, parameters).rowcount != 1:
            raise conflict()

    def _insert(self, row: ActualLRP) -> None:
        named = {
            "process_guid": row.key.process_guid,
            "instance_index": row.key.index,
            "presence": int(row.presence),
        }
        try:
            self._connection.execute(_ADD_ROW, {**named, **_row_values(row)})
        except IntegrityError as error:
            raise exists() from error

    # Tasks

    def add_task(self, task: Task, definition: Definition) -> None:
        """Keep a new task; raises BBSError when it is there already."""
        values = {**_task_values(task), "definition": definition.SerializeToString()}
        try:
            self._connection.execute(insert(TASKS).values(guid=task.guid, domain=task.domain, **values))
        except IntegrityError as error:
            raise exists() from error

    def task(self, guid: str) -> tuple[Task, Definition]:
        """Return a task and lock it; raises BBSError when there is none."""
        row = self._connection.execute(select(TASKS).where(TASKS.c.guid == guid).with_for_update()).first()
        if row is None:
            raise not_found()
        return _task(row)

    def tasks(self, domain: str = "", cell_id: str = "") -> list[tuple[Task, Definition]]:
        """Return all tasks, or those of a domain or cell."""
        chosen = select(TASKS).order_by(TASKS.c.guid)
        if domain:
            chosen = chosen.where(TASKS.c.domain == domain)
        if cell_id:
            chosen = chosen.where(TASKS.c.cell_id == cell_id)
        return [_task(row) for row in self._connection.execute(chosen)]

    def write_task(self, outcome: TaskOutcome) -> None:
        """Carry out what becomes of a task; raises BBSError when it has changed since it was looked at."""
        before = outcome.before
        seen = (
            TASKS.c.guid == before.guid,
            TASKS.c.state == int(before.state),
            TASKS.c.updated_at == before.updated_at,
        )
        if outcome.after is None:
            self._expect_one(delete(TASKS).where(*seen), {})
        elif outcome.changed:
            self._expect_one(update(TASKS).where(*seen).values(**_task_values(outcome.after)), {})


def _identity(row: ActualLRP) -> tuple[str, int, int]:
    return row.key.process_guid, row.key.index, int(row.presence)


def _as_seen(row: ActualLRP) -> dict[str, Any]:
    """Return what tells a row that nobody has changed since it was read."""
    process, index, presence = _identity(row)
    return {
        "of_process": process,
        "of_index": index,
        "of_presence": presence,
        "of_epoch": row.epoch,
        "of_tag": row.tag,
    }


def _row_values(row: ActualLRP) -> dict[str, Any]:
    return {
        "domain": row.key.domain,
        "state": row.state,
        "since": row.since,
        "instance_guid": row.instance.instance_guid,
        "cell_id": row.instance.cell_id,
        "crash_count": row.crash_count,
        "crash_reason": row.crash_reason,
        "placement_error": row.placement_error,
        "epoch": row.epoch,
        "tag": row.tag,
        "runtime": _runtime_data(row.runtime),
    }


def _runtime_data(runtime: Runtime) -> bytes:
    message = actual_lrp_pb2.ActualLRP(
        actual_lrp_net_info=net_info_message(runtime.net_info),
        actual_lrp_internal_routes=[{"hostname": name} for name in runtime.internal_routes],
        metric_tags=runtime.metric_tags,
        routable=runtime.routable,
        availability_zone=runtime.availability_zone,
    )
    return message.SerializeToString()


def _row(row: Any) -> ActualLRP:
    return ActualLRP(
        Key(row.process_guid, row.instance_index, row.domain),
        row.state,
        row.since,
        InstanceKey(row.instance_guid, row.cell_id),
        Presence(row.presence),
        runtime_of(actual_lrp_pb2.ActualLRP.FromString(row.runtime)),
        row.crash_count,
        row.crash_reason,
        row.placement_error,
        row.epoch,
        row.tag,
    )


def _desired_values(lrp: DesiredMessage) -> dict[str, Any]:
    return {
        "domain": lrp.domain,
        "instances": lrp.instances,
        "recreate": lrp.update_strategy == DesiredMessage.RECREATE,
        "scheduling": scheduling_info(lrp).SerializeToString(),
        "routing": routing_info(lrp).SerializeToString(),
        "message": lrp.SerializeToString(),
    }


def _task_values(task: Task) -> dict[str, Any]:
    names = (
        *("created_at", "updated_at", "first_completed_at", "cell_id", "failed"),
        *("failure_reason", "result", "rejection_count", "rejection_reason"),
    )
    return {"state": int(task.state), **{name: getattr(task, name) for name in names}}


def _task(row: Any) -> tuple[Task, Definition]:
    task = Task(
        row.guid,
        row.domain,
        TaskState(row.state),
        row.created_at,
        row.updated_at,
        row.first_completed_at,
        row.cell_id,
        row.failed,
        row.failure_reason,
        row.result,
        row.rejection_count,
        row.rejection_reason,
    )
    return task, Definition.FromString(row.definition)
