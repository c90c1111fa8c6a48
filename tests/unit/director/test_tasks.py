"""Tasks: their queue, locks, outputs, and how a body's end becomes a state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bosh.director.places import Places
from bosh.director.tasks import engine, runner
from bosh.director.tasks.locks import EXPIRY_S, RENEWAL_S, Locks
from bosh.director.world import Circumstances
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import FakeClock, SystemClock
from bosh.system.ids import SeededIds
from bosh.testing import memory_store
from bosh.wire.errors import CloudError, LockTimeout, TaskNotFound, TaskUnexpectedState


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = memory_store()
    yield store
    store.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path)
    places.create()
    return places


def event_lines(store: SqlStore, task_id: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.task_output(task_id, "event").splitlines()]


# --- the queue


class TestTasks:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def tasks(self, store: SqlStore, clock: FakeClock, places: Places) -> engine.Tasks:
        return engine.Tasks(store, clock, places)

    def enqueue(self, tasks: engine.Tasks, kind: str = "vms", **arguments: Any) -> records.Task:
        return tasks.enqueue(engine.Request(kind, "what", "admin", "cf", "ctx", engine.URGENT), arguments)

    def test_enqueueing_wakes_somebody(self, tasks: engine.Tasks) -> None:
        woken: list[None] = []
        tasks.wake = lambda: woken.append(None)
        task = self.enqueue(tasks, a=1)
        assert (task.state, task.queue, task.arguments, len(woken)) == ("queued", "urgent", {"a": 1}, 1)

    def test_finding(self, tasks: engine.Tasks) -> None:
        assert tasks.find(str(self.enqueue(tasks).id)).type == "vms"
        for wrong in ("9", "x", "-1", "1.0"):
            with pytest.raises(TaskNotFound):
                tasks.find(wrong)

    def test_a_task_that_is_over_cannot_be_cancelled(self, tasks: engine.Tasks, store: SqlStore) -> None:
        for state in ("done", "cancelling", "error"):
            task = self.enqueue(tasks)
            store.tasks.update(task.id, state=state)
            with pytest.raises(TaskUnexpectedState, match=state):
                tasks.cancel(tasks.find(task.id))

    def test_cancelling_a_queued_upload_removes_its_file(self, tasks: engine.Tasks, places: Places) -> None:
        upload = places.uploads / "u"
        upload.write_text("x")
        tasks.cancel(self.enqueue(tasks, path=str(upload)))
        assert not upload.exists()

    def test_a_file_elsewhere_is_never_removed(self, tasks: engine.Tasks, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.write_text("x")
        tasks.cancel(self.enqueue(tasks, path=str(precious)))
        assert precious.exists()

    def test_the_dead_are_buried_with_their_locks(
        self, tasks: engine.Tasks, store: SqlStore, clock: FakeClock, places: Places
    ) -> None:
        mine, theirs = self.enqueue(tasks), self.enqueue(tasks)
        for worker in ("w1", "w2"):
            store.claim_task(["urgent"], worker, clock.now())
        for task in (mine, theirs):
            store.locks.insert(records.Lock(f"lock:x:{task.id}", "u", str(task.id), clock.now()))
        (places.work / f"task-{mine.id}").mkdir()
        assert tasks.bury(worker="w1", reason="it died") == [mine.id]
        assert (tasks.find(mine.id).state, tasks.find(theirs.id).state) == ("error", "processing")
        assert [lock.task_id for lock in store.locks.list()] == [str(theirs.id)]
        assert event_lines(store, mine.id)[-1]["error"] == {
            "code": 100,
            "message": f"Task {mine.id} was interrupted: it died",
        }
        assert list(places.work.iterdir()) == []
        assert tasks.bury(reason="all died") == [theirs.id]
        assert store.locks.count() == 0

    def test_who_dies_while_being_cancelled_is_cancelled(
        self, tasks: engine.Tasks, store: SqlStore, clock: FakeClock
    ) -> None:
        task = self.enqueue(tasks)
        store.claim_task(["urgent"], "w1", clock.now())
        tasks.cancel(tasks.find(task.id))
        tasks.bury(worker="w1", reason="it died")
        assert tasks.find(task.id).state == "cancelled"

    def test_only_the_newest_of_each_type_are_kept(self, tasks: engine.Tasks, store: SqlStore, places: Places) -> None:
        ids = [self.enqueue(tasks, kind).id for kind in ("vms", "vms", "vms", "ssh")]
        for task_id in ids[1:]:
            store.tasks.update(task_id, state="done")
            store.append_task_output(task_id, "event", "x")
            places.task(task_id).mkdir()
        assert tasks.forget_old(1) == 1
        assert [task.id for task in store.tasks.list()] == [ids[0], ids[2], ids[3]]
        assert store.task_output(ids[1], "event") == ""
        assert not places.task(ids[1]).exists()


# --- locks


class TestLocks:
    def locks(self, store: SqlStore, clock: Any, task_id: str, lost: Any = None) -> Locks:
        return Locks(store, clock, SeededIds(int(task_id)), task_id=task_id, lost=lost or (lambda _name: None))

    async def test_the_holder_is_named_to_who_waits_in_vain(self, store: SqlStore) -> None:
        clock = FakeClock()
        async with self.locks(store, clock, "1").hold("lock:deployment:cf", timeout_s=0):
            with pytest.raises(
                LockTimeout, match=r"Failed to acquire lock for lock:deployment:cf .* Locking task id is 1"
            ):
                async with self.locks(store, clock, "2").hold("lock:deployment:cf", timeout_s=10):
                    raise AssertionError("both have it")
        assert store.locks.count() == 0

    async def test_it_is_free_after_an_error(self, store: SqlStore) -> None:
        locks = self.locks(store, FakeClock(), "1")
        with pytest.raises(ValueError, match="oops"):
            async with locks.hold("lock:a", timeout_s=0):
                raise ValueError("oops")
        async with locks.hold("lock:a", timeout_s=0):
            pass

    async def test_an_expired_lock_is_taken_over(self, store: SqlStore) -> None:
        clock = FakeClock()
        store.locks.insert(records.Lock("lock:a", "old", "9", clock.now()))
        async with self.locks(store, clock, "1").hold("lock:a", timeout_s=0):
            assert [lock.task_id for lock in store.locks.list()] == ["1"]

    async def test_it_is_renewed_and_its_loss_is_told(self, store: SqlStore) -> None:
        class Clock(FakeClock):
            """Sleeps until told."""

            tick = asyncio.Event()

            async def sleep_s(self, seconds: float) -> None:
                assert seconds == RENEWAL_S
                await self.tick.wait()
                self.tick.clear()
                self.advance_s(seconds)

        clock, lost = Clock(), []
        async with self.locks(store, clock, "1", lost.append).hold("lock:a", timeout_s=0):
            (before,) = store.locks.list()
            await asyncio.sleep(0)
            clock.tick.set()
            await asyncio.sleep(0.001)
            (after,) = store.locks.list()
            assert (after.expires_at - before.expires_at).total_seconds() == RENEWAL_S
            assert (after.expires_at - clock.now()).total_seconds() == EXPIRY_S
            store.locks.delete(name="lock:a")
            clock.tick.set()
            await asyncio.sleep(0.001)
        assert lost == ["lock:a"]


# --- running


class FakeWorld:
    blobs: Any = None

    def agents(self, log: Any) -> Any:
        return None

    async def cpis(self, log: Any) -> Any:
        return None

    async def close(self) -> None:
        return


class TestRunner:
    @pytest.fixture
    def run(self, store: SqlStore, places: Places, monkeypatch: pytest.MonkeyPatch) -> Any:
        config: Any = SimpleNamespace(record_events=True)
        here = Circumstances(config, "uuid", store, SystemClock(), SeededIds())

        async def sync() -> None:
            return

        self.runner = runner.Runner(here, places, FakeWorld(), sync_bus=sync)

        async def call(body: Any, **meanwhile: Any) -> records.Task:
            monkeypatch.setattr(runner, "body_of", lambda _type: body)
            task = engine.Tasks(store, SystemClock(), places).enqueue(engine.Request("x", "d", "admin"), {})
            claimed = store.claim_task(["normal"], "w", SystemClock().now())
            assert claimed is not None
            await self.runner.run(claimed)
            found = store.tasks.get(id=task.id)
            assert found is not None
            return found

        return call

    async def test_its_answer_is_the_result(self, run: Any) -> None:
        async def body(context: Any) -> str:
            assert context.work_dir.is_dir()
            context.log.result({"a": 1})
            return "y" * 200

        task = await run(body)
        assert (task.state, task.result) == ("done", "y" * 128)
        assert task.finished_at is not None

    async def test_its_error_is_told_with_code_and_cause(self, run: Any, store: SqlStore) -> None:
        async def body(context: Any) -> str:
            async with context.log.stage("Stage", total=2, tags=["g"]).step("first") as step:
                step.status("busy")
                raise CloudError("cannot create vm", details="the cloud is full", resolution="Buy another.")

        task = await run(body)
        assert (task.state, task.result) == ("error", "cannot create vm")
        lines = event_lines(store, task.id)
        assert [line.get("state") for line in lines] == ["started", "in_progress", "failed", None]
        assert lines[0] | {"time": 0} == {
            "time": 0, "stage": "Stage", "tags": ["g"], "total": 2, "task": "first", "index": 1, "state": "started", "progress": 0,
        }  # fmt: skip
        assert lines[1]["data"] == {"status": "busy"}
        assert lines[-1]["error"] == {"code": 390000, "message": "cannot create vm\nthe cloud is full\nBuy another."}

    async def test_a_bug_in_it_ends_only_the_task(self, run: Any, store: SqlStore, places: Places) -> None:
        async def body(_context: Any) -> str:
            raise KeyError("nobody thought of this")

        task = await run(body)
        assert task.state == "error"
        assert event_lines(store, task.id)[-1]["error"]["code"] == 100
        assert "Traceback" in (places.task(task.id) / "debug").read_text()

    async def test_cancelling_interrupts_its_waiting(self, run: Any, store: SqlStore) -> None:
        async def body(context: Any) -> str:
            self.runner.cancel(context.task.id)
            async with context.log.stage("Waiting").step("for ever"):
                await asyncio.sleep(60)
            return "never"

        task = await run(body)
        assert (task.state, task.result) == ("cancelled", "Task 1 cancelled")
        assert event_lines(store, task.id)[-1]["error"] == {"code": 10001, "message": "Task 1 cancelled"}

    async def test_a_checkpoint_after_cancelling_raises(self, run: Any) -> None:
        async def body(context: Any) -> str:
            context.control.checkpoint()
            self.runner.cancel(context.task.id)
            context.control.checkpoint()
            raise AssertionError("went on")

        assert (await run(body)).state == "cancelled"

    async def test_cancelled_before_anybody_listened(self, run: Any, store: SqlStore) -> None:
        claim = store.claim_task

        def claim_and_cancel(*arguments: Any) -> Any:
            task = claim(*arguments)
            assert task is not None
            store.tasks.update(task.id, state="cancelling")
            return task

        store.claim_task = claim_and_cancel  # type: ignore[method-assign]

        async def body(_context: Any) -> str:
            await asyncio.sleep(60)
            return "never"

        assert (await run(body)).state == "cancelled"

    async def test_a_lost_lock_stops_it(self, run: Any, store: SqlStore) -> None:
        async def body(context: Any) -> str:
            context.control._lost("lock:a")
            await asyncio.sleep(60)
            return "never"

        task = await run(body)
        assert task.state == "cancelled"
        assert "Lost lock lock:a" in task.result
        (event,) = store.events.list()
        assert (event.object_type, event.task, event.user) == ("lock", "1", "admin")

    async def test_locks_left_behind_are_freed(self, run: Any, store: SqlStore) -> None:
        async def body(context: Any) -> str:
            store.locks.insert(records.Lock("lock:a", "u", str(context.task.id), context.clock.now()))
            return "done"

        await run(body)
        assert store.locks.count() == 0

    async def test_aborting_is_an_error_that_says_why(self, run: Any) -> None:
        async def body(_context: Any) -> str:
            self.runner.abort("the director was stopped")
            await asyncio.sleep(60)
            return "never"

        task = await run(body)
        assert (task.state, task.result) == ("error", "Task 1 was interrupted: the director was stopped")

    async def test_nothing_stays_in_its_working_directory(self, run: Any, places: Places) -> None:
        async def body(context: Any) -> str:
            (context.work_dir / "x").write_text("x")
            return "done"

        await run(body)
        assert list(places.work.iterdir()) == []


@pytest.mark.parametrize("name", ["no_such_thing", "../x", "contract", ""])
def test_a_task_type_without_body_is_refused(name: str) -> None:
    with pytest.raises(runner.SystemFailure, match="cannot run a task of type"):
        runner.body_of(name)
