"""Small deciding parts: scopes, versions, bus users, log lines, schedules, config sets."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bosh.director import bus, config_sets, log
from bosh.director.auth import scopes
from bosh.director.places import Places
from bosh.director.schedules import plan
from bosh.director.tasks.engine import Tasks
from bosh.director.tasks.update_release import rebased
from bosh.director.worker import Post, Worker
from bosh.director.world import Circumstances
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import FakeClock
from bosh.testing import memory_store
from bosh.testing.director import configuration
from bosh.wire.errors import ReleaseVersionInvalid, UnauthorizedToAccessDeployment

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = memory_store()
    yield store
    store.close()


@pytest.mark.parametrize(
    ("version", "existing", "expected"),
    [
        ("1+dev.5", [], "1+dev.1"),
        ("1+dev.5", ["1+dev.2", "1+dev.10", "2+dev.20"], "1+dev.11"),
        ("1+dev.5", ["1"], "1+dev.1"),
        ("1-rc.1+dev.5", ["1+dev.7"], "1-rc.1+dev.1"),
    ],
)
def test_rebasing(version: str, existing: list[str], expected: str) -> None:
    assert rebased(version, existing) == expected


def test_final_versions_cannot_be_rebased() -> None:
    with pytest.raises(ReleaseVersionInvalid):
        rebased("1", [])


@pytest.mark.parametrize(
    ("permission", "scope", "allowed"),
    [
        ("admin", "bosh.admin", True),
        ("admin", "bosh.u.admin", True),
        ("admin", "bosh.other.admin", False),
        ("admin", "bosh.read", False),
        ("read", "bosh.read", True),
        ("read", "bosh.teams.x.admin", False),
        ("list_deployments", "bosh.teams.x.admin", True),
        ("list_deployments", "bosh.teams.x.read", False),
        ("read_events", "bosh.teams.x.read", True),
        ("create_deployment", "bosh.teams.x.admin", True),
        ("create_deployment", "bosh.read", False),
        ("upload_releases", "bosh.releases.upload", True),
        ("upload_stemcells", "bosh.releases.upload", False),
    ],
)
def test_scopes_of_the_director(permission: str, scope: str, allowed: bool) -> None:
    wanted = scopes.for_director(permission, "u", [scope])
    if allowed:
        scopes.demand(wanted, [scope])
    else:
        with pytest.raises(UnauthorizedToAccessDeployment):
            scopes.demand(wanted, [scope])


@pytest.mark.parametrize(
    ("permission", "scope", "allowed"),
    [
        ("admin", "bosh.teams.a.admin", True),
        ("admin", "bosh.teams.a.read", False),
        ("read", "bosh.teams.a.read", True),
        ("read", "bosh.teams.b.admin", False),
        ("read", "bosh.read", True),
    ],
)
def test_scopes_of_a_teams_things(permission: str, scope: str, allowed: bool) -> None:
    assert (scope in scopes.for_teams(permission, "u", ["a"])) is allowed


def test_an_unknown_permission_is_a_bug() -> None:
    with pytest.raises(ValueError, match="dance"):
        scopes.for_director("dance", "u", [])


def test_what_agents_may_say_on_the_bus() -> None:
    *_, by_name, lasting, bootstrap = bus.users(["a-1"])
    assert by_name == {**lasting, "user": "a-1.agent.bosh-internal"}
    assert lasting == {
        "user": "C=USA, O=Cloud Foundry, CN=a-1.agent.bosh-internal",
        "permissions": {
            "publish": ["hm.agent.heartbeat.a-1", "hm.agent.alert.a-1", "hm.agent.shutdown.a-1", "director.*.a-1.*"],
            "subscribe": ["agent.a-1"],
        },
    }
    assert bootstrap["user"] == "C=USA, O=Cloud Foundry, CN=a-1.bootstrap.agent.bosh-internal"
    assert bootstrap["permissions"] == lasting["permissions"]


@pytest.mark.parametrize(
    ("text", "micros"),
    [("2030-01-01T00:00:00.123456789Z", 123456), ("2030-01-01T00:00:00.5Z", 500000), ("2030-01-01T00:00:00Z", 0)],
)
def test_times_as_go_prints_them(text: str, micros: int) -> None:
    assert bus.parsed_time(text) == NOW.replace(microsecond=micros)


def test_log_lines_keep_to_one_line() -> None:
    assert log.formatted("x", a=1, b="two words", c="", d="a\nb") == 'event=x a=1 b="two words" c="" d="a\\nb"'


def config(store: SqlStore, kind: str = "cloud", name: str = "default", team: str = "", **more: Any) -> int:
    return store.configs.insert(records.Config(kind, name, "a: 1", NOW, team=team, **more)).id


def test_which_configs_a_deployment_uses(store: SqlStore) -> None:
    config(store)
    newest, named = config(store), config(store, name="x")
    config(store, name="theirs", team="b")
    mine = config(store, name="mine", team="a")
    config(store, kind="runtime")
    config(store, name="gone", deleted=True)
    assert [each.id for each in config_sets.for_teams(store, "cloud", ["a"])] == [newest, named, mine]


class TestSchedules:
    def test_old_events_go_but_parents_stay(self, store: SqlStore) -> None:
        event = records.Event("a", "vm", NOW, "u")
        store.events.insert_all([event] * 10)
        assert plan.forget_events(store, 20) == 0
        store.events.insert(records.Event("a", "vm", NOW, "u", parent_id=4))
        assert plan.forget_events(store, 3) == 3
        assert store.events.list()[0].id == 4

    def test_orphans_are_asked_for_once(self, store: SqlStore, tmp_path: Any) -> None:
        clock = FakeClock()
        tasks = Tasks(store, clock, Places(tmp_path))
        settings: Any = SimpleNamespace(orphaned_disks_max_age_days=5)
        assert plan.ask_for_orphaned_vms(store, tasks) == 0
        store.vms.insert(records.Vm("a", "i", "cf", "vm-1", orphaned_at=NOW))
        for days, cid in ((6, "old"), (1, "young")):
            at = clock.now() - timedelta(days=days)
            store.disks.insert(records.Disk(cid, cid, "cf", "i", "g", 1, orphaned_at=at))
        assert plan.ask_for_orphaned_vms(store, tasks) == 1
        assert plan.ask_for_orphaned_vms(store, tasks) == 0
        assert plan.ask_for_orphaned_disks(settings, store, tasks, clock) == 1
        assert plan.ask_for_orphaned_disks(settings, store, tasks, clock) == 0
        assert [(task.type, task.arguments) for task in store.tasks.list()] == [
            ("delete_orphaned_vms", {}),
            ("delete_orphan_disks", {"disk_cids": ["old"]}),
        ]


def test_a_worker_that_has_grown_may_leave_when_it_is_idle(tmp_path: Path) -> None:
    config = configuration(tmp_path, database_url="sqlite://")
    grown, spare = (
        Worker(Post("w", ("normal",), spare), config, "uuid", cast("Any", _World)) for spare in (False, True)
    )
    assert not grown._may_leave(1000)
    assert spare._may_leave(1000)
    # Pages of its own: what the allocator has left over from other tests would be no growth.
    with mmap.mmap(-1, 12 << 20, flags=mmap.MAP_PRIVATE) as ballast:
        ballast.write(b"x" * (12 << 20))
        assert not grown._may_leave(1)
        assert grown._may_leave(1000)


class _World:
    """The outside, of which these tests need nothing."""

    def __init__(self, here: Circumstances) -> None:
        self.here = here
