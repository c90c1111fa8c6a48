"""The BBS on a real database, call by call."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cf_wire.bbs import actual_lrp_pb2 as actual_pb
from cf_wire.bbs import cells_pb2, desired_lrp_pb2, events_pb2, task_pb2
from cf_wire.bbs_http import CALLS, CONTENT_TYPE, read_event
from cf_wire.presence import TaskCallback
from cf_wire.rep import LRPStartRequest, PlacementConstraint, Resource
from cf_wire.rep import Task as RepTask
from diego.bbs.app import make_app, on_cell
from diego.bbs.hub import BEHIND_MAXIMUM, EventHub
from diego.bbs.server import ANSWERED, Server
from diego.bbs.store import Store
from diego.bbs.tables import METADATA
from diego.convergence import Update
from diego.database import connect
from diego.errors import BBSError
from diego.lrp_states import Change, InstanceKey, Key
from google.protobuf.message import Message
from sqlalchemy import Engine

SECOND = 1_000_000_000
CELL = {"instance_guid": "ig-1", "cell_id": "cell-1"}
OTHER = {"instance_guid": "ig-2", "cell_id": "cell-2"}
KEY = {"process_guid": "p", "index": 0, "domain": "cf-apps"}
ACTION: Any = {"run_action": {"path": "/bin/true", "user": "vcap"}}
MESSAGES = {call.path: call for call in CALLS}


class FakePeers:
    """Everyone the BBS calls, remembering what was asked."""

    def __init__(self) -> None:
        self.present = ["cell-1", "cell-2"]
        self.auctions: list[LRPStartRequest] = []
        self.task_auctions: list[str] = []
        self.stops: list[tuple[Key, InstanceKey]] = []
        self.updates: list[Update] = []
        self.cancels: list[tuple[str, str]] = []
        self.callbacks: list[tuple[str, TaskCallback]] = []
        self.broken = False

    def cells(self) -> Sequence[cells_pb2.CellPresence]:
        return [cells_pb2.CellPresence(cell_id=one) for one in self.present]

    def auction_lrps(self, requests: Sequence[LRPStartRequest], trace: str) -> None:
        if self.broken:
            raise ConnectionRefusedError("auctioneer")
        self.auctions += requests

    def auction_tasks(self, tasks: Sequence[RepTask], trace: str) -> None:
        self.task_auctions += [one.task_guid for one in tasks]

    def stop(self, key: Key, instance: InstanceKey, trace: str) -> None:
        self.stops.append((key, instance))

    def update(self, key: Key, update: Update, trace: str) -> None:
        self.updates.append(update)

    def cancel_task(self, cell_id: str, task_guid: str, trace: str) -> None:
        self.cancels.append((cell_id, task_guid))

    def complete_task(self, url: str, callback: TaskCallback) -> None:
        self.callbacks.append((url, callback))


class Events:
    """A hub that remembers."""

    def __init__(self) -> None:
        self.seen: list[Message] = []

    def emit(self, event: Message) -> None:
        self.seen.append(event)

    def take(self) -> list[str]:
        names = [type(one).__name__ for one in self.seen]
        self.seen.clear()
        return names


class World:
    """A BBS, its surroundings, and a clock that a test moves."""

    def __init__(self, engine: Engine) -> None:
        self.now = 1000 * SECOND
        self.peers, self.lrps, self.tasks = FakePeers(), Events(), Events()
        numbers = itertools.count()
        self.server = Server(
            Store(engine), self.peers, self.lrps, self.tasks, lambda: self.now, lambda: f"guid-{next(numbers)}"
        )

    def call(self, path: str, **fields: Any) -> Any:
        kind = MESSAGES[path].request
        body = kind(**fields).SerializeToString() if kind else b""
        return MESSAGES[path].response.FromString(self.server.answer(path, body, "trace-1"))

    def ok(self, path: str, **fields: Any) -> Any:
        response = self.call(path, **fields)
        assert not response.HasField("error"), response.error
        return response

    def code(self, path: str, **fields: Any) -> int:
        code: int = self.call(path, **fields).error.type
        return code

    def desire(self, instances: int = 1, **more: Any) -> None:
        lrp = {
            "process_guid": "p",
            "domain": "cf-apps",
            "root_fs": "preloaded:x",
            "instances": instances,
            "action": ACTION,
        }
        self.ok("/v1/desired_lrp/desire.r2", desired_lrp={**lrp, "memory_mb": 64, "disk_mb": 128, **more})

    def claim(self, index: int = 0, instance: dict[str, str] | None = None) -> None:
        self.ok("/v1/actual_lrps/claim", process_guid="p", index=index, actual_lrp_instance_key=instance or CELL)

    def start(self, index: int = 0, instance: dict[str, str] | None = None, **more: Any) -> Any:
        key = {**KEY, "index": index}
        return self.call(
            "/v1/actual_lrps/start.r1",
            actual_lrp_key=key,
            actual_lrp_instance_key=instance or CELL,
            actual_lrp_net_info={"address": "10.0.0.1", "ports": [{"container_port": 8080, "host_port": 61000}]},
            **more,
        )

    def rows(self, **filter_: Any) -> list[actual_pb.ActualLRP]:
        return list(self.ok("/v1/actual_lrps/list", **filter_).actual_lrps)

    def states(self) -> list[tuple[int, str, int]]:
        return [(one.actual_lrp_key.index, one.state, one.presence) for one in self.rows()]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/bbs.db"
    elif "DIEGO_TEST_POSTGRESQL" in os.environ:
        url = os.environ["DIEGO_TEST_POSTGRESQL"]
    else:
        pytest.skip("needs a database of its own: set DIEGO_TEST_POSTGRESQL to its SQLAlchemy URL")
    engine = connect(url, METADATA)
    yield World(engine)
    METADATA.drop_all(engine)
    engine.dispose()


def test_every_answered_call_has_its_message() -> None:
    left = {call.path for call in CALLS} - set(ANSWERED)
    assert {path for path in left if "groups" not in path and not path.endswith(".r2")} == set()


class TestProcesses:
    def test_wanting_one_makes_places_and_seeks_cells(self, world: World) -> None:
        world.desire(2, PlacementTags=["t"])
        assert world.states() == [(0, "UNCLAIMED", 0), (1, "UNCLAIMED", 0)]
        assert world.peers.auctions == [
            LRPStartRequest("p", "cf-apps", (0, 1), PlacementConstraint("preloaded:x", ("t",)), Resource(64, 128))
        ]
        assert world.lrps.take() == ["DesiredLRPCreatedEvent", *["ActualLRPInstanceCreatedEvent"] * 2]

    def test_it_is_kept_whole(self, world: World) -> None:
        world.desire(1, annotation="1.0", egress_rules=[{"protocol": "tcp", "ports": [80]}])
        [lrp] = world.ok("/v1/desired_lrps/list.r3").desired_lrps
        assert (lrp.annotation, lrp.egress_rules[0].ports[0], lrp.modification_tag.epoch) == ("1.0", 80, "guid-0")
        assert world.ok("/v1/desired_lrps/get_by_process_guid.r3", process_guid="p").desired_lrp == lrp
        assert world.code("/v1/desired_lrps/get_by_process_guid.r3", process_guid="q") == 13

    def test_its_parts_can_be_asked_for(self, world: World) -> None:
        world.desire(1, annotation="1.0", volume_mounts=[{"driver": "nfs"}], routes={"routes": {"cf-router": b"[]"}})
        [info] = world.ok("/v1/desired_lrp_scheduling_infos/list").desired_lrp_scheduling_infos
        assert (info.desired_lrp_resource.memory_mb, info.volume_placement.driver_names[0]) == (64, "nfs")
        [routing] = world.ok("/v1/desired_lrp_routing_infos/list").desired_lrps
        assert (routing.routes.routes["cf-router"], routing.annotation) == (b"[]", "")

    def test_filters(self, world: World) -> None:
        world.desire(0)
        world.desire(0, process_guid="app_1-v1", domain="other")

        def guids(**filter_: Any) -> list[str]:
            return [one.process_guid for one in world.ok("/v1/desired_lrps/list.r3", **filter_).desired_lrps]

        assert guids() == ["app_1-v1", "p"]
        assert guids(domain="other") == guids(app_guids=["app_1"]) == guids(process_guids=["app_1-v1"]) == ["app_1-v1"]
        assert guids(app_guids=["appX1"]) == []

    def test_twice_is_refused(self, world: World) -> None:
        world.desire()
        lrp = {"process_guid": "p", "domain": "d", "root_fs": "preloaded:x", "action": ACTION}
        assert world.code("/v1/desired_lrp/desire.r2", desired_lrp=lrp) == 12
        assert len(world.rows()) == 1

    def test_faults_are_named_all_at_once(self, world: World) -> None:
        error = world.call("/v1/desired_lrp/desire.r2", desired_lrp={"process_guid": "a b", "instances": -1}).error
        assert error.type == 4
        for name in ("domain", "process_guid", "rootfs", "instances", "action"):
            assert f"Invalid field: {name}" in error.message

    def test_scaling_up_and_down(self, world: World) -> None:
        world.desire(1)
        world.claim()
        world.lrps.take()
        world.ok("/v1/desired_lrp/update", process_guid="p", update={"instances": 3})
        assert [request.indices for request in world.peers.auctions] == [(0,), (1, 2)]
        world.ok("/v1/desired_lrp/update", process_guid="p", update={"instances": 0})
        assert world.states() == [(0, "CLAIMED", 0)]
        assert world.peers.stops == [(Key("p", 0, "cf-apps"), InstanceKey("ig-1", "cell-1"))]
        changed = ["DesiredLRPChangedEvent", *["ActualLRPInstanceCreatedEvent"] * 2]
        assert world.lrps.take() == [*changed, "DesiredLRPChangedEvent", *["ActualLRPInstanceRemovedEvent"] * 2]

    def test_changed_routes_and_tags_are_told_to_cells(self, world: World) -> None:
        world.desire(1)
        assert not world.start().HasField("error")
        routes = {"routes": {"internal-router": b'[{"hostname":"a.apps.internal"}]'}}
        world.ok("/v1/desired_lrp/update", process_guid="p", update={"routes": routes})
        world.ok("/v1/desired_lrp/update", process_guid="p", update={"metric_tags": {"i": {"dynamic": 1}}})
        ig = InstanceKey("ig-1", "cell-1")
        assert world.peers.updates == [Update(ig, ("a.apps.internal",)), Update(ig, metric_tags={"i": "0"})]
        [lrp] = world.ok("/v1/desired_lrps/list.r3").desired_lrps
        assert lrp.modification_tag.index == 2

    def test_wanting_it_no_more_stops_it(self, world: World) -> None:
        world.desire(2)
        world.claim()
        world.ok("/v1/desired_lrp/remove", process_guid="p")
        assert world.ok("/v1/desired_lrps/list.r3").desired_lrps == []
        assert (world.states(), len(world.peers.stops)) == ([(0, "CLAIMED", 0)], 1)
        assert world.code("/v1/desired_lrp/remove", process_guid="p") == 13


class TestInstances:
    def test_from_claim_to_running(self, world: World) -> None:
        world.desire()
        world.lrps.take()
        world.claim()
        assert not world.start(Routable=True, metric_tags={"a": "b"}, availability_zone="z1").HasField("error")
        [row] = world.rows()
        assert (row.state, row.routable, dict(row.metric_tags), row.availability_zone) == (
            "RUNNING",
            True,
            {"a": "b"},
            "z1",
        )
        assert row.actual_lrp_net_info.ports[0].host_port == 61000
        assert (row.modification_tag.index, row.since) == (2, world.now)
        assert world.lrps.take() == ["ActualLRPInstanceChangedEvent"] * 2

    def test_filters(self, world: World) -> None:
        world.desire(2)
        world.claim(1)
        assert [row.actual_lrp_key.index for row in world.rows(cell_id="cell-1")] == [1]
        assert [row.actual_lrp_key.index for row in world.rows(process_guid="p", index=0)] == [0]
        assert world.rows(domain="other") == []
        by_guid = world.ok("/v1/actual_lrps/list_by_process_guids", process_guids=["p", "q"])
        assert len(by_guid.actual_lrps) == 2

    def test_errors_stand_in_the_answer(self, world: World) -> None:
        assert world.code("/v1/actual_lrps/claim", process_guid="p", index=0, actual_lrp_instance_key=CELL) == 13
        world.desire()
        world.claim()
        assert world.code("/v1/actual_lrps/claim", process_guid="p", index=0, actual_lrp_instance_key=OTHER) == 15
        assert not world.start().HasField("error")
        assert world.start(0, OTHER).error.type == 16

    def test_a_crash_restarts_at_once_and_is_told(self, world: World) -> None:
        world.desire()
        world.start()
        world.lrps.take()
        world.ok("/v1/actual_lrps/crash", actual_lrp_key=KEY, actual_lrp_instance_key=CELL, error_message="boom")
        assert world.lrps.take() == [
            "ActualLRPCrashedEvent",
            "ActualLRPInstanceCreatedEvent",
            "ActualLRPInstanceRemovedEvent",
        ]
        assert len(world.peers.auctions) == 2
        assert (world.rows()[0].state, world.rows()[0].crash_reason) == ("UNCLAIMED", "boom")

    def test_no_cell_found(self, world: World) -> None:
        world.desire()
        world.ok("/v1/actual_lrps/fail", actual_lrp_key=KEY, error_message="insufficient resources: memory")
        assert world.rows()[0].placement_error == "insufficient resources: memory"

    def test_removing_and_retiring(self, world: World) -> None:
        world.desire(3)
        world.claim(0)
        world.claim(1, {"instance_guid": "ig-9", "cell_id": "gone"})
        for index in range(3):
            world.ok("/v1/actual_lrps/retire", actual_lrp_key={**KEY, "index": index})
        assert world.states() == [(0, "CLAIMED", 0)]
        assert len(world.peers.stops) == 1
        world.ok("/v1/actual_lrps/remove", process_guid="p", index=0, actual_lrp_instance_key=CELL)
        assert world.rows() == []

    def test_an_evacuation_from_end_to_end(self, world: World) -> None:
        world.desire()
        world.start()
        world.lrps.take()
        going = {"actual_lrp_key": KEY, "actual_lrp_instance_key": CELL, "actual_lrp_net_info": {"address": "10.0.0.1"}}
        assert world.ok("/v1/actual_lrps/evacuate_running.r1", **going).keep_container
        assert world.states() == [(0, "UNCLAIMED", 0), (0, "RUNNING", 1)]
        assert world.lrps.take() == ["ActualLRPInstanceChangedEvent", "ActualLRPInstanceCreatedEvent"]
        world.claim(0, OTHER)
        world.start(0, OTHER)
        assert world.states() == [(0, "RUNNING", 0)]
        assert not world.ok("/v1/actual_lrps/evacuate_running.r1", **going).keep_container
        assert len(world.peers.auctions) == 2

    def test_a_peer_that_cannot_be_reached_changes_nothing_for_the_caller(self, world: World) -> None:
        world.peers.broken = True
        world.desire()
        assert world.states() == [(0, "UNCLAIMED", 0)]

    def test_two_at_once_cannot_both_have_it(self, world: World) -> None:
        world.desire(8)
        codes: list[int] = []

        def take(cell: str) -> None:
            for index in range(8):
                instance = {"instance_guid": f"{cell}-{index}", "cell_id": cell}
                codes.append(
                    world.code("/v1/actual_lrps/claim", process_guid="p", index=index, actual_lrp_instance_key=instance)
                )

        threads = [threading.Thread(target=take, args=(f"cell-{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(codes) == [0] * 8 + [15] * 16


class TestTasks:
    def desire(self, world: World) -> None:
        definition = {
            "root_fs": "preloaded:x",
            "action": ACTION,
            "completion_callback_url": "https://cc/cb",
            "annotation": "a",
        }
        world.ok("/v1/tasks/desire.r2", task_guid="t", domain="d", task_definition=definition)

    def test_from_wish_to_end(self, world: World) -> None:
        self.desire(world)
        assert world.peers.task_auctions == ["t"]
        assert world.ok("/v1/tasks/start", task_guid="t", cell_id="cell-1").should_start
        assert not world.ok("/v1/tasks/start", task_guid="t", cell_id="cell-1").should_start
        world.ok("/v1/tasks/complete", task_guid="t", cell_id="cell-1", result="yes")
        assert world.peers.callbacks == [
            ("https://cc/cb", TaskCallback("t", result="yes", annotation="a", created_at=world.now))
        ]
        world.ok("/v1/tasks/resolving", task_guid="t")
        assert world.code("/v1/tasks/resolving", task_guid="t") == 9
        world.ok("/v1/tasks/delete", task_guid="t")
        assert world.code("/v1/tasks/get_by_task_guid.r3", task_guid="t") == 13
        assert world.tasks.take() == ["TaskCreatedEvent", *["TaskChangedEvent"] * 3, "TaskRemovedEvent"]

    def test_cancelling_one_that_runs(self, world: World) -> None:
        self.desire(world)
        world.ok("/v1/tasks/start", task_guid="t", cell_id="cell-1")
        world.ok("/v1/tasks/cancel", task_guid="t")
        assert world.peers.cancels == [("cell-1", "t")]
        [task] = world.ok("/v1/tasks/list.r3", domain="d").tasks
        assert (task.failed, task.failure_reason, task.State.Name(task.state)) == (
            True,
            "task was cancelled",
            "Completed",
        )

    def test_rejections_and_failure(self, world: World) -> None:
        self.desire(world)
        for _ in range(4):
            world.ok("/v1/tasks/reject", task_guid="t", rejection_reason="full")
        task = world.ok("/v1/tasks/get_by_task_guid.r3", task_guid="t").task
        assert (task.rejection_count, task.failure_reason) == (4, "full")
        assert world.code("/v1/tasks/fail", task_guid="t", failure_reason="x") == 9

    def test_faults_and_twice(self, world: World) -> None:
        assert world.code("/v1/tasks/desire.r2", task_guid="t", domain="") == 4
        self.desire(world)
        definition = {"root_fs": "preloaded:x", "action": ACTION}
        assert world.code("/v1/tasks/desire.r2", task_guid="t", domain="d", task_definition=definition) == 12


class TestRest:
    def test_domains_are_fresh_for_their_time(self, world: World) -> None:
        world.ok("/v1/domains/upsert", domain="a", ttl=10)
        world.ok("/v1/domains/upsert", domain="b", ttl=0)
        assert list(world.ok("/v1/domains/list").domains) == ["a", "b"]
        world.now += 11 * SECOND
        assert list(world.ok("/v1/domains/list").domains) == ["b"]
        world.ok("/v1/domains/upsert", domain="a", ttl=10)
        assert list(world.ok("/v1/domains/list").domains) == ["a", "b"]

    def test_ping_and_cells(self, world: World) -> None:
        assert world.call("/v1/ping").available
        assert [one.cell_id for one in world.ok("/v1/cells/list.r1").cells] == ["cell-1", "cell-2"]

    def test_nonsense_is_a_bad_request(self, world: World) -> None:
        answer = actual_pb.ActualLRPLifecycleResponse.FromString(world.server.answer("/v1/actual_lrps/claim", b"\xff"))
        assert (answer.error.type, answer.error.message) == (4, "the request received is invalid")


class TestConvergence:
    def test_a_lost_cell_and_its_return(self, world: World) -> None:
        world.desire()
        world.start()
        world.peers.present = ["cell-2"]
        world.server.converge()
        assert world.states() == [(0, "UNCLAIMED", 0), (0, "RUNNING", 2)]
        assert len(world.peers.auctions) == 2
        world.peers.present = ["cell-1", "cell-2"]
        world.server.converge()
        assert world.states() == [(0, "RUNNING", 0)]

    def test_what_lapsed_is_forgotten_and_what_nobody_wants_stopped(self, world: World) -> None:
        world.start()
        world.server.converge()
        assert world.peers.stops == []
        world.ok("/v1/domains/upsert", domain="cf-apps", ttl=10)
        world.server.converge()
        assert len(world.peers.stops) == 1
        world.now += 11 * SECOND
        world.server.converge()
        assert len(world.peers.stops) == 1

    def test_tasks_are_auctioned_again_and_their_callbacks_repeated(self, world: World) -> None:
        TestTasks().desire(world)
        world.server.converge()
        assert world.peers.task_auctions == ["t", "t"]
        world.ok("/v1/tasks/start", task_guid="t", cell_id="gone")
        world.server.converge()
        world.now += 31 * SECOND
        world.server.converge()
        assert [callback.failure_reason for _, callback in world.peers.callbacks] == [
            "cell disappeared before completion"
        ]
        world.now += 90 * SECOND
        world.server.converge()
        assert world.ok("/v1/tasks/list.r3").tasks == []

    def test_what_changed_since_the_snapshot_is_left_alone(self, world: World) -> None:
        world.desire(2)
        world.start()
        world.start(1)
        store = world.server._store
        with store.writing() as tx:
            [seen, other] = tx.rows()
        world.ok("/v1/actual_lrps/crash", actual_lrp_key=KEY, actual_lrp_instance_key=CELL, error_message="boom")
        with store.writing() as tx:
            for after in (None, replace(seen, tag=9)):
                with pytest.raises(BBSError, match="conflicting state"), tx.part():
                    tx.write([Change(other, None), Change(seen, after)])
            tx.write([Change(other, None)])
        assert [(index, state) for index, state, _ in world.states()] == [(0, "UNCLAIMED")]


class TestApp:
    def client(self, world: World, hub: EventHub, *, leads: bool = True) -> httpx.AsyncClient:
        app = make_app(world.server, hub, EventHub(), lambda: leads)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bbs")

    async def test_calls_are_posted(self, world: World) -> None:
        async with self.client(world, EventHub()) as client:
            response = await client.post("/v1/ping")
            assert (response.status_code, response.headers["content-type"]) == (200, CONTENT_TYPE)
            assert cells_pb2.PingResponse.FromString(response.content).available
            assert (await client.post("/v1/desired_lrps/list.r9")).status_code == 404

    async def test_one_that_does_not_lead_is_unavailable(self, world: World) -> None:
        async with self.client(world, EventHub(), leads=False) as client:
            assert (await client.post("/v1/ping")).status_code == 503
            assert (await client.post("/v1/events/tasks.r1")).status_code == 503

    async def test_events_are_streamed(self, world: World) -> None:
        hub = EventHub()
        event = desired_lrp_pb2.DesiredLRP(process_guid="p")

        async def tell() -> None:
            for _ in range(1000):
                if len(hub):
                    break
                await asyncio.sleep(0.001)
            hub.emit(events_pb2.DesiredLRPCreatedEvent(desired_lrp=event))
            await asyncio.sleep(0)
            hub.close()

        async with self.client(world, hub) as client:
            response, _ = await asyncio.gather(client.post("/v1/events/lrp_instances.r1"), tell())
        number, name, data, *_ = response.text.split("\n")
        assert (number, name) == ("id: 0", "event: desired_lrp_created")
        assert read_event("desired_lrp_created", data.removeprefix("data: ")).desired_lrp == event  # type: ignore[attr-defined]

    async def test_who_falls_behind_is_cut_off(self) -> None:
        hub = EventHub()
        listener = hub.listen(on_cell(""))
        for _ in range(BEHIND_MAXIMUM + 5):
            hub.emit(task_pb2.Task())
        await asyncio.sleep(0)
        assert len([event async for event in listener.events()]) == BEHIND_MAXIMUM
        hub.leave(listener)
        assert len(hub) == 0
