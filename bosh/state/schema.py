"""SQL tables derived from the records: one table per record, one column per field, in the order of the fields.

Json fields are JSON text on every engine, which keeps the order of keys. Times are stored in UTC.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from bosh.state import records

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


class JsonText(sa.types.TypeDecorator[Any]):
    """Plain dicts, lists and scalars as JSON text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return _encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else _decode(value)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC datetimes; engines without time zones keep them naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# MySQL cannot index unbounded text.
_NAME = sa.Text().with_variant(sa.String(255), "mysql")
_LONG_TEXT = sa.Text().with_variant(sa.Text(2**32 - 1), "mysql")

_TYPES: dict[Any, Callable[[], sa.types.TypeEngine[Any]]] = {
    int: sa.BigInteger,
    bool: sa.Boolean,
    datetime: UtcDateTime,
    records.Json: JsonText,
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """How one record type is stored."""

    name: str
    record: type[Any]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    def indexed_columns(self) -> frozenset[str]:
        return frozenset(column for columns in (*self.unique, *self.indexes) for column in columns)


# Names are the attributes of the Store.
KINDS = (
    Kind("attributes", records.DirectorAttribute, unique=(("name",),)),
    Kind("deployments", records.Deployment, unique=(("name",),)),
    Kind("instances", records.Instance, unique=(("uuid",),), indexes=(("deployment",),)),
    Kind("vms", records.Vm, unique=(("agent_id",),), indexes=(("deployment",), ("instance_uuid",), ("cid",))),
    Kind("disks", records.Disk, unique=(("key",),), indexes=(("deployment",), ("instance_uuid",), ("cid",))),
    Kind("snapshots", records.Snapshot, indexes=(("deployment",), ("instance_uuid",), ("cid",))),
    Kind("ips", records.IpAddress, unique=(("ip",),), indexes=(("deployment",), ("instance_uuid",), ("agent_id",))),
    Kind("releases", records.Release, unique=(("name",),)),
    Kind("release_versions", records.ReleaseVersion, unique=(("release", "version"),)),
    Kind(
        "job_templates",
        records.JobTemplate,
        unique=(("release", "release_version", "name"),),
        indexes=(("fingerprint",), ("blobstore_id",)),
    ),
    Kind(
        "packages",
        records.Package,
        unique=(("release", "release_version", "name"),),
        indexes=(("fingerprint",), ("blobstore_id",)),
    ),
    Kind(
        "compiled_packages",
        records.CompiledPackage,
        indexes=(("package_fingerprint",), ("stemcell_os",), ("blobstore_id",)),
    ),
    Kind("stemcells", records.Stemcell, unique=(("name", "version", "cpi"),), indexes=(("os",),)),
    Kind("stemcell_uploads", records.StemcellUpload, unique=(("name", "version", "cpi"),)),
    Kind("configs", records.Config, indexes=(("type", "name"),)),
    Kind("tasks", records.Task, indexes=(("state", "queue"), ("deployment",), ("context_id",), ("type",))),
    Kind("events", records.Event, indexes=(("timestamp",), ("deployment",), ("task",))),
    Kind("locks", records.Lock, unique=(("name",),)),
    Kind("variable_values", records.VariableValue, indexes=(("name",),)),
    Kind(
        "variable_uses",
        records.VariableUse,
        unique=(("deployment", "set_id", "name"),),
        indexes=(("name",), ("value_id",)),
    ),
    Kind("dns_blobs", records.DnsBlob, unique=(("version",),)),
    Kind("dns_numbers", records.DnsNumber, unique=(("space", "key"), ("space", "number"))),
    Kind("errand_runs", records.ErrandRun, indexes=(("deployment", "errand"),)),
    Kind("blobs", records.Blob, unique=(("blobstore_id",),), indexes=(("type",),)),
    Kind("problems", records.Problem, indexes=(("deployment",),)),
)


def _column(field: dataclasses.Field[Any], hint: Any, *, indexed: bool) -> sa.Column[Any]:
    if field.name == "id":
        # SQLite numbers only INTEGER columns by itself.
        return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)
    options = typing.get_args(hint)
    nullable = type(None) in options
    plain = next((option for option in options if option is not type(None)), hint)
    if plain is str:
        return sa.Column(field.name, _NAME if indexed else _LONG_TEXT, nullable=nullable)
    return sa.Column(field.name, _TYPES[plain](), nullable=nullable)


def _table(kind: Kind) -> sa.Table:
    hints = typing.get_type_hints(kind.record)
    indexed = kind.indexed_columns()
    columns = [_column(f, hints[f.name], indexed=f.name in indexed) for f in dataclasses.fields(kind.record)]
    constraints = [sa.UniqueConstraint(*names) for names in kind.unique]
    # Numbers of deleted rows are never given again: a task's id must not mean two tasks.
    table = sa.Table(kind.name, METADATA, *columns, *constraints, sqlite_autoincrement=True)
    for names in kind.indexes:
        sa.Index(None, *(table.c[name] for name in names))
    return table


TABLES: dict[str, sa.Table] = {kind.name: _table(kind) for kind in KINDS}

# Output is kept in pieces, so that adding to it never rewrites what is there.
TASK_OUTPUTS = sa.Table(
    "task_outputs",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.BigInteger, nullable=False),
    sa.Column("kind", _NAME, nullable=False),
    sa.Column("text", _LONG_TEXT, nullable=False),
    sa.Index(None, "task_id", "kind"),
    sqlite_autoincrement=True,
)

# A dependency key grows with the package's dependencies beyond what PostgreSQL can index, hence its hash there.
_compiled = TABLES["compiled_packages"].c
_compiled_identity = (
    _compiled.package_name,
    _compiled.package_fingerprint,
    _compiled.stemcell_os,
    _compiled.stemcell_version,
)
sa.Index("uq_compiled_packages_identity", *_compiled_identity, _compiled.dependency_key, unique=True).ddl_if(
    dialect="sqlite"
)
sa.Index(
    "uq_compiled_packages_identity_md5", *_compiled_identity, sa.func.md5(_compiled.dependency_key), unique=True
).ddl_if(dialect="postgresql")
