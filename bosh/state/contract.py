"""The one interface to what the director remembers; SQLite, PostgreSQL and MySQL keep it, and a file for create-env.

All calls are synchronous and short. ``Store`` may be used from several threads and processes. Outside ``transaction`` each call commits
by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from bosh.state import records

R = TypeVar("R")


class Conflict(Exception):
    """A row that must be unique is already there (an IP address, a deployment name, a lock)."""


class Table(Protocol[R]):
    """Rows of one kind. Filters are column=value; a list or tuple value means "one of"; None means SQL NULL."""

    def get(self, **filters: Any) -> R | None:
        """The first match by id, or None."""
        ...

    def list(
        self,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        before_id: int | None = None,
        **filters: Any,
    ) -> Sequence[R]:
        """All matches ordered by id."""
        ...

    def count(self, **filters: Any) -> int: ...

    def insert(self, record: R) -> R:
        """Store it; the returned record has its id. Raises Conflict."""
        ...

    def insert_all(self, rows: Sequence[R]) -> None:
        """Store many in one statement. Raises Conflict, and then none is stored."""
        ...

    def update(self, record_id: int, **values: Any) -> None:
        """Change columns of one row."""
        ...

    def update_where(self, filters: dict[str, Any], **values: Any) -> int:
        """Change columns of all matches, atomically; how many there were. This is compare-and-set."""
        ...

    def delete(self, **filters: Any) -> int:
        """Remove all matches (at least one filter); how many there were."""
        ...


class Store(Protocol):
    """All tables."""

    attributes: Table[records.DirectorAttribute]
    deployments: Table[records.Deployment]
    instances: Table[records.Instance]
    vms: Table[records.Vm]
    disks: Table[records.Disk]
    snapshots: Table[records.Snapshot]
    ips: Table[records.IpAddress]
    releases: Table[records.Release]
    release_versions: Table[records.ReleaseVersion]
    job_templates: Table[records.JobTemplate]
    packages: Table[records.Package]
    compiled_packages: Table[records.CompiledPackage]
    stemcells: Table[records.Stemcell]
    stemcell_uploads: Table[records.StemcellUpload]
    configs: Table[records.Config]
    tasks: Table[records.Task]
    events: Table[records.Event]
    locks: Table[records.Lock]
    variable_values: Table[records.VariableValue]
    variable_uses: Table[records.VariableUse]
    dns_blobs: Table[records.DnsBlob]
    dns_numbers: Table[records.DnsNumber]
    errand_runs: Table[records.ErrandRun]
    blobs: Table[records.Blob]
    problems: Table[records.Problem]

    def transaction(self) -> AbstractContextManager[None]:
        """All calls of this thread inside it commit together, or not at all when it is left by an exception."""
        ...

    def append_task_output(self, task_id: int, kind: str, text: str) -> None:
        """Add to a task's ``event`` or ``result`` output."""
        ...

    def task_output(self, task_id: int, kind: str) -> str: ...

    def delete_tasks(self, task_ids: Sequence[int]) -> None:
        """Forget tasks and their outputs."""
        ...

    def claim_task(self, queues: Sequence[str], worker: str, now: datetime) -> records.Task | None:
        """Atomically take the oldest queued task of these queues, now ``processing`` and owned by the worker."""
        ...

    def close(self) -> None: ...
