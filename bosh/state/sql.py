"""``Store`` over SQLAlchemy Core: statements are built once per shape and reused; no ORM."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from bosh.state import engine, records, schema
from bosh.state.contract import Conflict, Store, Table

R = TypeVar("R")

# SQLSTATE of a unique violation (PostgreSQL) and MySQL's number of the same.
_UNIQUE_VIOLATION, _MYSQL_DUPLICATE = "23505", 1062


def _is_conflict(error: sa.exc.IntegrityError) -> bool:
    original = error.orig
    if getattr(original, "sqlite_errorname", "") in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}:
        return True
    if getattr(original, "sqlstate", None) == _UNIQUE_VIOLATION:
        return True
    return bool(original and original.args and original.args[0] == _MYSQL_DUPLICATE)


@contextmanager
def _conflicts(table: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as error:
        if _is_conflict(error):
            raise Conflict(f"{table}: {error.orig}") from error
        raise


def _shape(value: Any) -> str:
    if value is None:
        return "null"
    return "in" if isinstance(value, list | tuple | set | frozenset) else "is"


class SqlTable(Generic[R]):
    """Rows of one kind."""

    def __init__(self, connections: engine.Connections, table: sa.Table, record: type[R]) -> None:
        self._connections = connections
        self._table = table
        self._record: Callable[..., R] = record
        self._columns = tuple(table.c.keys())
        self._statements: dict[Any, Any] = {}

    def get(self, **filters: Any) -> R | None:
        rows = self.list(limit=1, **filters)
        return rows[0] if rows else None

    def list(
        self, *, newest_first: bool = False, limit: int | None = None, before_id: int | None = None, **filters: Any
    ) -> Sequence[R]:
        shapes = self._shapes(filters)
        key = ("list", newest_first, limit is None, before_id is None, shapes)
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = self._select(
                shapes, newest_first=newest_first, limited=limit is not None, before=before_id is not None
            )
        values = self._values(filters)
        if limit is not None:
            values["_limit"] = limit
        if before_id is not None:
            values["_before_id"] = before_id
        return [self._record(*row) for row in self._read(statement, values)]

    def count(self, **filters: Any) -> int:
        shapes = self._shapes(filters)
        statement = self._statement(
            ("count", shapes), lambda: sa.select(sa.func.count()).select_from(self._table).where(*self._where(shapes))
        )
        return int(self._read(statement, self._values(filters))[0][0])

    def insert(self, record: R) -> R:
        values = self._row(record)
        statement = self._statement(("insert", "id" in values), lambda: sa.insert(self._table))
        with _conflicts(self._table.name), self._guarded():
            with self._connections.use() as connection:
                result = connection.execute(statement, values)
                (number,) = result.inserted_primary_key or (0,)
            return self._record(**{**self._fields(record), "id": number})

    def insert_all(self, rows: Sequence[R]) -> None:
        if not rows:
            return
        statement = self._statement(("insert all",), lambda: sa.insert(self._table).inline())
        with (
            _conflicts(self._table.name),
            self._connections.transaction(),
            self._connections.savepoint(),
            self._connections.use() as connection,
        ):
            connection.execute(statement, [self._row(row) for row in rows])

    def update(self, record_id: int, **values: Any) -> None:
        self.update_where({"id": record_id}, **values)

    def update_where(self, filters: dict[str, Any], **values: Any) -> int:
        if not values:
            return self.count(**filters)
        shapes, names = self._shapes(filters), tuple(sorted(values))
        unknown = set(names) - set(self._columns)
        if unknown:
            raise ValueError(f"{self._table.name} has no column {', '.join(sorted(unknown))}")

        def build() -> Any:
            changes = {name: sa.bindparam(f"_new_{name}", type_=self._table.c[name].type) for name in names}
            return sa.update(self._table).where(*self._where(shapes)).values(changes)

        statement = self._statement(("update", shapes, names), build)
        parameters = self._values(filters) | {f"_new_{name}": value for name, value in values.items()}
        with _conflicts(self._table.name), self._guarded(), self._connections.use() as connection:
            return int(connection.execute(statement, parameters).rowcount)

    def delete(self, **filters: Any) -> int:
        if not filters:
            raise ValueError(f"refusing to delete all of {self._table.name}: give at least one filter")
        shapes = self._shapes(filters)
        statement = self._statement(("delete", shapes), lambda: sa.delete(self._table).where(*self._where(shapes)))
        with self._connections.use() as connection:
            return int(connection.execute(statement, self._values(filters)).rowcount)

    # --- statements

    def _statement(self, key: Any, build: Callable[[], Any]) -> Any:
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = build()
        return statement

    def _select(
        self, shapes: Sequence[tuple[str, str]], *, newest_first: bool, limited: bool, before: bool
    ) -> sa.Select[Any]:
        by_id = self._table.c.id
        statement = sa.select(self._table).where(*self._where(shapes)).order_by(by_id.desc() if newest_first else by_id)
        if before:
            statement = statement.where(by_id < sa.bindparam("_before_id", type_=by_id.type))
        return statement.limit(sa.bindparam("_limit", type_=sa.Integer())) if limited else statement

    def _shapes(self, filters: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        for name in filters:
            if name not in self._table.c:
                raise ValueError(f"{self._table.name} has no column {name}")
        return tuple(sorted((name, _shape(value)) for name, value in filters.items()))

    def _where(self, shapes: Sequence[tuple[str, str]]) -> Iterator[sa.ColumnElement[bool]]:
        for name, shape in shapes:
            column = self._table.c[name]
            if shape == "null":
                yield column.is_(None)
            elif shape == "in":
                yield column.in_(sa.bindparam(f"_{name}", expanding=True, type_=column.type))
            else:
                yield column == sa.bindparam(f"_{name}", type_=column.type)

    def _values(self, filters: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for name, value in filters.items():
            shape = _shape(value)
            if shape != "null":
                values[f"_{name}"] = list(value) if shape == "in" else value
        return values

    def _fields(self, record: R) -> dict[str, Any]:
        return {name: getattr(record, name) for name in self._columns}

    def _row(self, record: R) -> dict[str, Any]:
        values = self._fields(record)
        if not values["id"]:
            del values["id"]
        return values

    # --- execution

    def _read(self, statement: Any, values: dict[str, Any]) -> Sequence[sa.Row[Any]]:
        try:
            with self._connections.use() as connection:
                return connection.execute(statement, values).fetchall()
        except sa.exc.DBAPIError as error:
            # The database server was restarted between two calls: reading once more is safe, except inside a transaction.
            if not error.connection_invalidated or self._connections.in_transaction:
                raise
        with self._connections.use() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Inside a transaction PostgreSQL gives up all of it at the first error, so a write that may conflict gets a savepoint."""
        if self._connections.in_transaction and self._connections.dialect == "postgresql":
            with self._connections.savepoint():
                yield
        else:
            yield


class SqlStore(Store):
    """All tables of one database. Threads and processes may share the database; a store must not be carried over a fork.

    Inside ``transaction`` there must be no ``await``: the transaction belongs to the thread.
    """

    def __init__(self, url: str) -> None:
        self._connections = engine.Connections(engine.create(url))
        table = self._table
        self.attributes: Table[records.DirectorAttribute] = table("attributes", records.DirectorAttribute)
        self.deployments: Table[records.Deployment] = table("deployments", records.Deployment)
        self.instances: Table[records.Instance] = table("instances", records.Instance)
        self.vms: Table[records.Vm] = table("vms", records.Vm)
        self.disks: Table[records.Disk] = table("disks", records.Disk)
        self.snapshots: Table[records.Snapshot] = table("snapshots", records.Snapshot)
        self.ips: Table[records.IpAddress] = table("ips", records.IpAddress)
        self.releases: Table[records.Release] = table("releases", records.Release)
        self.release_versions: Table[records.ReleaseVersion] = table("release_versions", records.ReleaseVersion)
        self.job_templates: Table[records.JobTemplate] = table("job_templates", records.JobTemplate)
        self.packages: Table[records.Package] = table("packages", records.Package)
        self.compiled_packages: Table[records.CompiledPackage] = table("compiled_packages", records.CompiledPackage)
        self.stemcells: Table[records.Stemcell] = table("stemcells", records.Stemcell)
        self.stemcell_uploads: Table[records.StemcellUpload] = table("stemcell_uploads", records.StemcellUpload)
        self.configs: Table[records.Config] = table("configs", records.Config)
        self.tasks: Table[records.Task] = table("tasks", records.Task)
        self.events: Table[records.Event] = table("events", records.Event)
        self.locks: Table[records.Lock] = table("locks", records.Lock)
        self.variable_values: Table[records.VariableValue] = table("variable_values", records.VariableValue)
        self.variable_uses: Table[records.VariableUse] = table("variable_uses", records.VariableUse)
        self.dns_blobs: Table[records.DnsBlob] = table("dns_blobs", records.DnsBlob)
        self.dns_numbers: Table[records.DnsNumber] = table("dns_numbers", records.DnsNumber)
        self.errand_runs: Table[records.ErrandRun] = table("errand_runs", records.ErrandRun)
        self.blobs: Table[records.Blob] = table("blobs", records.Blob)
        self.problems: Table[records.Problem] = table("problems", records.Problem)

    def _table(self, name: str, record: type[R]) -> SqlTable[R]:
        return SqlTable(self._connections, schema.TABLES[name], record)

    @property
    def database(self) -> sa.Engine:
        return self._connections.engine

    def transaction(self) -> AbstractContextManager[None]:
        return self._connections.transaction()

    def append_task_output(self, task_id: int, kind: str, text: str) -> None:
        if text:
            with self._connections.use() as connection:
                connection.execute(_ADD_OUTPUT, {"task_id": task_id, "kind": kind, "text": text})

    def task_output(self, task_id: int, kind: str) -> str:
        with self._connections.use() as connection:
            rows = connection.execute(_READ_OUTPUT, {"_task_id": task_id, "_kind": kind}).fetchall()
        return "".join(row[0] for row in rows)

    def delete_tasks(self, task_ids: Sequence[int]) -> None:
        with self.transaction(), self._connections.use() as connection:
            connection.execute(_DELETE_OUTPUTS, {"_task_ids": list(task_ids)})
            self.tasks.delete(id=list(task_ids))

    def claim_task(self, queues: Sequence[str], worker: str, now: datetime) -> records.Task | None:
        while (task := self.tasks.get(state="queued", queue=list(queues))) is not None:
            claim: dict[str, Any] = {"state": "processing", "worker": worker, "started_at": now, "checkpoint_at": now}
            # Another worker may have been faster; the filter on the state decides.
            if self.tasks.update_where({"id": task.id, "state": "queued"}, **claim):
                return dataclasses.replace(task, **claim)
        return None

    def close(self) -> None:
        self._connections.close()


_ADD_OUTPUT = sa.insert(schema.TASK_OUTPUTS).inline()
_READ_OUTPUT = (
    sa.select(schema.TASK_OUTPUTS.c.text)
    .where(
        schema.TASK_OUTPUTS.c.task_id == sa.bindparam("_task_id"), schema.TASK_OUTPUTS.c.kind == sa.bindparam("_kind")
    )
    .order_by(schema.TASK_OUTPUTS.c.id)
)
_DELETE_OUTPUTS = sa.delete(schema.TASK_OUTPUTS).where(
    schema.TASK_OUTPUTS.c.task_id.in_(sa.bindparam("_task_ids", expanding=True))
)
