"""Reconciliation, and small translations."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cloud_controller.diego import lrp, recipe, sync
from cloud_controller.diego.contract import BbsError
from cloud_controller.diego.facts import docker_rootfs
from cloud_controller.diego.ssh_key import generate
from cloud_controller.diego.sync import Plan, compare
from cloud_controller.jobs import queue
from cloud_controller.scheduler.clock import ClockJob, claim, is_due
from cloud_controller.state import tables as t
from cloud_controller.vault import UnreadableSecret, Vault, new_key

from tests.unit.releases.capi import steps
from tests.unit.releases.capi.conftest import World

MOMENT = datetime(2026, 5, 1, 12, 0, 0)  # noqa: DTZ001


def process(guid: str) -> dict[str, object]:
    return {"guid": guid, "version": "v1", "updated_at": MOMENT}


def test_compare() -> None:
    same = lrp.annotation(process("a"))
    known = {"a-v1": same, "b-v1": "old", "c-v0": same, "x-v9": ""}
    assert compare([process("a"), process("b"), process("c")], known) == Plan(
        desire=("c",), update=("b",), remove=("c-v0", "x-v9")
    )


@pytest.mark.slow
async def test_a_lost_bbs_is_filled_again_and_strangers_go(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.push(world, cli, space)
    [(name, wanted)] = world.bbs.desired.items()
    stranger = type(wanted)(process_guid="s" * 36 + "-v", domain="cf-apps")
    world.bbs.desired = {stranger.process_guid: stranger}
    sync.run(world.services, world.program.performer)
    assert list(world.bbs.desired) == [name]
    assert world.bbs.domains == {"cf-apps": 120, "cf-tasks": 120}


@pytest.mark.slow
async def test_a_pass_with_a_failure_does_not_call_the_domain_complete(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        await steps.push(world, cli, space)
    world.bbs.desired.clear()

    def refuse(_lrp: object) -> None:
        raise BbsError("no")

    monkeypatch.setattr(world.bbs, "desire_lrp", refuse)
    sync.run(world.services, world.program.performer)
    assert world.bbs.domains == {}


@pytest.mark.slow
async def test_tasks_nobody_knows_of_have_failed(world: World) -> None:
    async with world.client() as cli:
        _, space = await steps.place(cli)
        app = await steps.push(world, cli, space)
        task = await steps.ok(await cli.post(f"/v3/apps/{app['guid']}/tasks", json={"command": "sleep"}), 202)
        world.bbs.wanted_tasks.clear()
        world.clock.forward(120)
        sync.sync_tasks(world.services)
        shown = await steps.ok(await cli.get(f"/v3/tasks/{task['guid']}"))
        assert (shown["state"], shown["result"]["failure_reason"]) == (
            "FAILED",
            "Unable to determine completion status",
        )


def test_a_job_is_done_once_and_again_when_its_worker_died(world: World) -> None:
    done: list[str] = []

    def work(_store: object, job: dict[str, str]) -> list[str]:
        done.append(job["guid"])
        return []

    worker = queue.Worker(world.services.database, {"x": work}, world.services.metrics)
    world.services.database.perform = lambda _effects: None
    with world.services.database.writing() as store:
        guid = queue.enqueue(store, None, "x", ("app", "g"))
    assert (worker.run(guid), worker.run(guid), done) == (True, False, [guid])
    with world.services.database.writing() as store:
        store.change(t.jobs, guid, state="PROCESSING", locked_until=store.now() + timedelta(seconds=5))
    assert worker.run_waiting() == 0
    world.clock.forward(10)
    assert worker.run_waiting() == 1


def test_a_failing_job_is_tried_again_and_then_fails(world: World) -> None:
    def work(_store: object, _job: object) -> list[str]:
        raise RuntimeError("bad luck")

    worker = queue.Worker(world.services.database, {"x": work}, world.services.metrics)
    world.services.database.perform = lambda _effects: None
    with world.services.database.writing() as store:
        guid = queue.enqueue(store, None, "x", ("app", "g"))
    for _ in range(queue.ATTEMPTS):
        world.clock.forward(60)
        assert worker.run_waiting() == 1
    with world.services.database.reading() as store:
        job = store.find(t.jobs, guid) or {}
    assert (job["state"], job["errors"][0]["title"]) == ("FAILED", "UnknownError")


@pytest.mark.parametrize(
    ("daily", "last", "expected"),
    [
        (None, None, True),
        (None, MOMENT - timedelta(hours=1), False),
        (None, MOMENT - timedelta(days=1), True),
        ((11, 0), MOMENT - timedelta(hours=2), True),
        ((11, 0), MOMENT - timedelta(minutes=30), False),
        ((13, 0), MOMENT - timedelta(hours=20), False),
    ],
)
def test_is_due(daily: tuple[int, int] | None, last: datetime | None, expected: bool) -> None:
    assert is_due(ClockJob("j", lambda: None, daily_at=daily), last, MOMENT) is expected


def test_one_clock_takes_a_job(world: World) -> None:
    job = ClockJob("j", lambda: None, timedelta(seconds=30))
    database = world.services.database
    assert (claim(database, job), claim(database, job)) == (True, False)
    world.clock.forward(31)
    assert claim(database, job)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", "docker:///library/nginx"),
        ("me/app:1", "docker:///me/app#1"),
        ("reg.test:5000/me/app", "docker://reg.test:5000/me/app"),
        ("reg.test/app@sha256:ab", "docker://reg.test/app#sha256:ab"),
    ],
)
def test_docker_rootfs(image: str, expected: str) -> None:
    assert docker_rootfs(image) == expected


@pytest.mark.parametrize(("memory", "expected"), [(1, 1), (64, 1), (1024, 12), (8192, 100), (99999, 100)])
def test_cpu_weight(memory: int, expected: int) -> None:
    assert recipe.cpu_weight(memory) == expected


@pytest.mark.slow
def test_fingerprints_have_the_forms_clients_accept() -> None:
    key = generate()
    assert len(key.fingerprint) == 59
    assert len(key.sha256_fingerprint.rstrip("=")) == 43
    assert key.authorized_key.startswith("ssh-rsa ")


def test_secrets_are_unreadable_without_their_key() -> None:
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal({"a": "b"})
    assert sealed is not None
    assert "b" not in sealed[:5]
    assert Vault([new, old]).open(sealed) == {"a": "b"}
    with pytest.raises(UnreadableSecret):
        Vault([new]).open(sealed)


def test_the_migrations_make_the_tables(world: World) -> None:
    with world.services.database.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), t.metadata)
    # SQLite keeps no types fit to compare; names of tables, columns, indexes and constraints are.
    assert [change for change in found if change[0] not in {"modify_type"}] == []
    assert isinstance(connection.engine.dialect.name, str)
    assert sa.inspect(world.services.database.engine).has_table("alembic_version")
