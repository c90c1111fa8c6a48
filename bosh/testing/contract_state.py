"""What every ``Store`` promises, as tests: subclass ``StoreContract`` and give it a ``store`` fixture (an empty store)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from bosh.state import records
from bosh.state.contract import Conflict, Store

NOW = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def task(**values: Any) -> records.Task:
    """A queued task."""
    return replace(records.Task("vms", "queued", "retrieve vm-stats", "admin", NOW), **values)


def address(ip: str, **values: Any) -> records.IpAddress:
    return replace(records.IpAddress(ip, "default", "cf"), **values)


def every_kind() -> dict[str, Any]:
    """One full record for each table of the store, by the table's name."""
    return {
        "attributes": records.DirectorAttribute("uuid", "u-1"),
        "deployments": records.Deployment("cf", "a: 1", "a: 2", [{"name": "r", "version": "1"}], tags={"k": "ü"}),
        "instances": records.Instance(
            "u-1", "cf", "router", 0, "z1", bootstrap=True, spec={"z": 1, "a": [None, 1.5, "\u0000"]}
        ),
        "vms": records.Vm("agent-1", "u-1", "cf", created_at=NOW, network_settings={"default": {"ip": "10.0.0.1"}}),
        "disks": records.Disk("key-1", "", "cf", "u-1", "db", 1024, orphaned_at=NOW),
        "snapshots": records.Snapshot("snap-1", "disk-1", "cf", "u-1", clean=True, created_at=NOW),
        "ips": address("10.0.0.1", task_id=2**40),
        "releases": records.Release("cf"),
        "release_versions": records.ReleaseVersion("cf", "1", "abc", uncommitted_changes=True),
        "job_templates": records.JobTemplate("cf", "1", "router", "f", "s", "b", {"templates": {"b": "1", "a": "2"}}),
        "packages": records.Package("cf", "1", "go", "f", dependencies=["a", "b"]),
        "compiled_packages": records.CompiledPackage("go", "f", "k" * 6000, "ubuntu-noble", "1.2", "s", "b"),
        "stemcells": records.Stemcell("warden", "ubuntu-noble", "1.2", "sc-1"),
        "stemcell_uploads": records.StemcellUpload("warden", "1.2", "z1"),
        "configs": records.Config("cloud", "default", "azs: []", NOW),
        "tasks": task(arguments={"manifest": "name: cf\n"}, deployment="cf"),
        "events": records.Event("create", "vm", NOW, "admin", context={"cid": "vm-1"}),
        "locks": records.Lock("lock:deployment:cf", "uid", "1", NOW),
        "variable_values": records.VariableValue("/d/cf/password", {"ca": "…"}, NOW, "certificate"),
        "variable_uses": records.VariableUse("cf", 1, "/d/cf/password", 1),
        "dns_blobs": records.DnsBlob("b", "s", 1, NOW),
        "errand_runs": records.ErrandRun("cf", "smoke", "h"),
        "blobs": records.Blob("b", "s", "logs", NOW),
        "problems": records.Problem(
            "cf", "missing_vm", "VM is missing", NOW, 7, resolutions=[{"name": "a", "plan": "b"}]
        ),
    }


UNIQUE = {
    "attributes", "deployments", "instances", "vms", "disks", "ips", "releases", "release_versions", "job_templates", "packages",
    "compiled_packages", "stemcells", "stemcell_uploads", "locks", "variable_uses", "dns_blobs", "blobs",
}  # fmt: skip


class StoreContract:
    """The suite."""

    @pytest.mark.parametrize("kind", sorted(every_kind()))
    def test_gives_back_what_was_stored(self, store: Store, kind: str) -> None:
        table, record = getattr(store, kind), every_kind()[kind]
        stored = table.insert(record)
        assert stored.id > 0
        assert stored == replace(record, id=stored.id)
        assert table.get(id=stored.id) == stored

    @pytest.mark.parametrize("kind", sorted(UNIQUE))
    def test_refuses_a_second_row_of_the_same_identity(self, store: Store, kind: str) -> None:
        table, record = getattr(store, kind), every_kind()[kind]
        table.insert(record)
        with pytest.raises(Conflict):
            table.insert(record)
        assert table.count() == 1

    def test_keeps_the_order_of_json_keys(self, store: Store) -> None:
        stored = store.instances.insert(records.Instance("u", "d", "g", 0, spec={"z": 1, "a": 2}))
        read = store.instances.get(id=stored.id)
        assert read is not None
        assert list(read.spec) == ["z", "a"]

    def test_times_come_back_in_utc(self, store: Store) -> None:
        elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
        stored = store.tasks.insert(task(created_at=elsewhere))
        read = store.tasks.get(id=stored.id)
        assert read is not None
        assert read.created_at == NOW
        assert read.created_at.tzinfo == UTC

    def test_filters_by_value_none_and_one_of(self, store: Store) -> None:
        store.ips.insert_all([address(f"10.0.0.{n}", network="a" if n % 2 else "b") for n in range(6)])
        assert [row.ip for row in store.ips.list(network="b")] == ["10.0.0.0", "10.0.0.2", "10.0.0.4"]
        assert [row.ip for row in store.ips.list(ip=["10.0.0.5", "10.0.0.1"])] == ["10.0.0.1", "10.0.0.5"]
        assert store.ips.list(ip=[]) == []
        assert store.ips.count(network="a", ip=("10.0.0.1", "10.0.0.2")) == 1
        store.tasks.insert_all([task(), task(started_at=NOW)])
        assert store.tasks.count(started_at=None) == 1

    def test_refuses_an_unknown_column(self, store: Store) -> None:
        with pytest.raises(ValueError, match="colour"):
            store.vms.list(colour="red")
        with pytest.raises(ValueError, match="colour"):
            store.vms.update(1, colour="red")

    def test_pages_by_id_from_either_end(self, store: Store) -> None:
        store.ips.insert_all([address(f"10.0.0.{n}") for n in range(5)])
        first, *_, last = (row.id for row in store.ips.list())
        assert [row.id for row in store.ips.list(limit=2)] == [first, first + 1]
        assert [row.id for row in store.ips.list(newest_first=True, limit=2)] == [last, last - 1]
        assert [row.id for row in store.ips.list(newest_first=True, limit=2, before_id=last - 1)] == [
            last - 2,
            last - 3,
        ]

    def test_an_id_is_never_given_twice(self, store: Store) -> None:
        old = store.tasks.insert(task())
        store.tasks.delete(id=old.id)
        assert store.tasks.insert(task()).id > old.id

    def test_update_where_compares_and_sets(self, store: Store) -> None:
        row = store.tasks.insert(task())
        assert store.tasks.update_where({"id": row.id, "state": "queued"}, state="processing", result="r") == 1
        assert store.tasks.update_where({"id": row.id, "state": "queued"}, state="cancelled") == 0
        read = store.tasks.get(id=row.id)
        assert read is not None
        assert (read.state, read.result) == ("processing", "r")

    def test_an_update_may_not_break_uniqueness(self, store: Store) -> None:
        store.ips.insert(address("10.0.0.1"))
        second = store.ips.insert(address("10.0.0.2"))
        with pytest.raises(Conflict):
            store.ips.update(second.id, ip="10.0.0.1")

    def test_delete_needs_a_filter_and_counts(self, store: Store) -> None:
        store.ips.insert_all([address(f"10.0.0.{n}") for n in range(3)])
        with pytest.raises(ValueError, match="filter"):
            store.ips.delete()
        assert store.ips.delete(ip=["10.0.0.0", "10.0.0.1", "10.9.9.9"]) == 2
        assert store.ips.count() == 1

    def test_insert_all_stores_all_or_none(self, store: Store) -> None:
        store.ips.insert(address("10.0.0.3"))
        with pytest.raises(Conflict):
            store.ips.insert_all([address(f"10.0.0.{n}") for n in range(5)])
        assert store.ips.count() == 1
        store.ips.insert_all([])

    def test_insert_all_that_fails_leaves_the_outer_transaction_usable(self, store: Store) -> None:
        with store.transaction():
            store.ips.insert(address("10.0.0.3"))
            with pytest.raises(Conflict):
                store.ips.insert_all([address(f"10.0.0.{n}") for n in range(5)])
            store.ips.insert(address("10.0.0.9"))
        assert [row.ip for row in store.ips.list()] == ["10.0.0.3", "10.0.0.9"]

    def test_a_transaction_left_by_an_exception_leaves_nothing(self, store: Store) -> None:
        def change() -> None:
            with store.transaction():
                store.ips.insert(address("10.0.0.1"))
                with store.transaction():
                    store.ips.insert(address("10.0.0.2"))
                raise RuntimeError("changed my mind")

        with pytest.raises(RuntimeError):
            change()
        assert store.ips.count() == 0
        store.ips.insert(address("10.0.0.1"))

    def test_a_conflict_inside_a_transaction_undoes_only_itself(self, store: Store) -> None:
        store.ips.insert(address("10.0.0.1"))
        with store.transaction():
            with pytest.raises(Conflict):
                store.ips.insert(address("10.0.0.1"))
            store.ips.insert(address("10.0.0.2"))
        assert store.ips.count() == 2

    def test_task_output_grows_and_is_kept_apart(self, store: Store) -> None:
        row = store.tasks.insert(task())
        for text in ("one\n", "", "twö\n"):
            store.append_task_output(row.id, "event", text)
        store.append_task_output(row.id, "result", "{}\n")
        store.append_task_output(row.id + 1, "event", "other\n")
        assert store.task_output(row.id, "event") == "one\ntwö\n"
        assert store.task_output(row.id, "result") == "{}\n"
        assert store.task_output(row.id, "debug") == ""
        store.delete_tasks([row.id])
        assert store.task_output(row.id, "event") == ""
        assert store.task_output(row.id + 1, "event") == "other\n"
        assert store.tasks.count() == 0

    def test_tasks_are_claimed_oldest_first_from_the_queues_asked_for(self, store: Store) -> None:
        store.tasks.insert_all([task(queue="urgent", description="1"), task(description="2"), task(description="3")])
        claimed = store.claim_task(["normal"], "w1", NOW)
        assert claimed is not None
        assert (claimed.description, claimed.state, claimed.worker) == ("2", "processing", "w1")
        assert (claimed.started_at, claimed.checkpoint_at) == (NOW, NOW)
        assert store.tasks.get(id=claimed.id) == claimed
        descriptions = [store.claim_task(["normal", "urgent"], "w2", NOW) for _ in range(3)]
        assert [each and each.description for each in descriptions] == ["1", "3", None]

    def test_no_task_is_claimed_twice(self, store: Store) -> None:
        store.tasks.insert_all([task() for _ in range(20)])
        claimed: list[int] = []

        def work(name: str) -> None:
            while (mine := store.claim_task(["normal"], name, NOW)) is not None:
                claimed.append(mine.id)

        in_threads([partial(work, f"w{n}") for n in range(4)])
        assert len(claimed) == 20
        assert len(set(claimed)) == 20

    def test_transactions_of_threads_do_not_mix(self, store: Store) -> None:
        store.attributes.insert(records.DirectorAttribute("count", "0"))

        def add() -> None:
            for _ in range(10):
                while True:
                    now = store.attributes.get(name="count")
                    assert now is not None
                    if store.attributes.update_where(
                        {"name": "count", "value": now.value}, value=str(int(now.value) + 1)
                    ):
                        break

        def change() -> None:
            with store.transaction():
                store.attributes.insert(records.DirectorAttribute(f"x{threading.get_ident()}", ""))
                raise RuntimeError

        def undo() -> None:
            for _ in range(10):
                with pytest.raises(RuntimeError):
                    change()

        in_threads([add, undo, add, undo])
        assert [(row.name, row.value) for row in store.attributes.list()] == [("count", "20")]


def in_threads(works: list[Callable[[], None]]) -> None:
    """Run them at once; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
