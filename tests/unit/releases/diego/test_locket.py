"""Locks and presences, by value and over gRPC."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from cf_wire.locket import locket_pb2 as pb
from cf_wire.locket import locket_pb2_grpc
from diego.database import connect
from diego.locket.locks import Lock, LocketError, Status, TypeCode, Watch, taken
from diego.locket.service import LocketService, expire
from diego.locket.store import METADATA, LockStore

MINE = Lock("bbs", "me", "{}", TypeCode.LOCK, 15)
HELD = replace(MINE, epoch="e", index=4)


class TestTaking:
    def test_new(self) -> None:
        assert taken(None, MINE, "new") == replace(MINE, epoch="new", index=1)

    def test_renewing_takes_the_new_value(self) -> None:
        assert taken(HELD, replace(MINE, value="v", ttl=5), "new") == replace(HELD, value="v", ttl=5, index=5)

    @pytest.mark.parametrize(
        ("held", "wanted", "status", "message"),
        [
            (HELD, replace(MINE, owner="you"), Status.ALREADY_EXISTS, "lock-collision"),
            (None, replace(MINE, ttl=0), Status.INVALID_ARGUMENT, "invalid-ttl"),
            (None, replace(MINE, owner=""), Status.INVALID_ARGUMENT, "invalid-owner"),
            (None, replace(MINE, type_code=0), Status.NOT_FOUND, "invalid-type"),
            (None, replace(MINE, type_code=9), Status.NOT_FOUND, "invalid-type"),
        ],
    )
    def test_what_cannot_be_had(self, held: Lock | None, wanted: Lock, status: Status, message: str) -> None:
        with pytest.raises(LocketError, match=message) as caught:
            taken(held, wanted, "new")
        assert caught.value.status == status


class TestWatch:
    def test_what_is_not_renewed_runs_out(self) -> None:
        watch = Watch()
        assert watch.look([HELD], 100) == []
        assert watch.look([HELD], 114.9) == []
        assert watch.look([HELD], 115) == [HELD]

    def test_a_renewal_counts_from_when_it_was_seen(self) -> None:
        watch = Watch()
        watch.look([HELD], 100)
        renewed = replace(HELD, index=5)
        assert watch.look([renewed], 114) == []
        assert watch.look([renewed], 128.9) == []
        assert watch.look([renewed], 129) == [renewed]

    def test_another_holding_begins_anew(self) -> None:
        watch = Watch()
        watch.look([HELD], 100)
        assert watch.look([replace(HELD, epoch="f", index=1)], 116) == []

    def test_after_a_restart_all_have_the_full_time(self) -> None:
        assert Watch().look([HELD], 10**6) == []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LockStore]:
    engine = connect(f"sqlite:///{tmp_path}/locket.db", METADATA)
    numbers = itertools.count()
    yield LockStore(engine, lambda: f"guid-{next(numbers)}")
    engine.dispose()


@pytest.fixture
def stub(store: LockStore) -> Iterator[Any]:
    server = grpc.server(ThreadPoolExecutor(4))
    locket_pb2_grpc.add_LocketServicer_to_server(LocketService(store), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield locket_pb2_grpc.LocketStub(channel)  # type: ignore[no-untyped-call]
    server.stop(None).wait(5)


def resource(key: str = "cell-1", owner: str = "me", type_code: int = TypeCode.PRESENCE) -> pb.Resource:
    return pb.Resource(key=key, owner=owner, value="{}", type_code=type_code)  # type: ignore[arg-type]


def test_the_four_calls(stub: Any) -> None:
    stub.Lock(pb.LockRequest(resource=resource(), ttl_in_seconds=15))
    stub.Lock(pb.LockRequest(resource=resource("bbs", type_code=TypeCode.LOCK), ttl_in_seconds=15))
    found = stub.Fetch(pb.FetchRequest(key="cell-1")).resource
    assert (found.owner, found.type, found.type_code) == ("me", "presence", pb.PRESENCE)
    everyone = stub.FetchAll(pb.FetchAllRequest(type_code=pb.PRESENCE)).resources
    assert [one.key for one in everyone] == ["cell-1"]
    stub.Release(pb.ReleaseRequest(resource=resource()))
    stub.Release(pb.ReleaseRequest(resource=resource()))
    assert list(stub.FetchAll(pb.FetchAllRequest(type_code=pb.PRESENCE)).resources) == []


def test_refusals_have_the_original_s_codes(stub: Any) -> None:
    stub.Lock(pb.LockRequest(resource=resource(), ttl_in_seconds=15))
    calls = [
        (
            stub.Lock,
            pb.LockRequest(resource=resource(owner="you"), ttl_in_seconds=15),
            "ALREADY_EXISTS",
            "lock-collision",
        ),
        (stub.Lock, pb.LockRequest(resource=resource()), "INVALID_ARGUMENT", "invalid-ttl"),
        (stub.Release, pb.ReleaseRequest(resource=resource(owner="you")), "ALREADY_EXISTS", "lock-collision"),
        (stub.Fetch, pb.FetchRequest(key="cell-9"), "NOT_FOUND", "resource-not-found"),
        (stub.FetchAll, pb.FetchAllRequest(), "NOT_FOUND", "invalid-type"),
    ]
    for call, request, code, message in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call(request)
        error: Any = caught.value
        assert (error.code().name, error.details()) == (code, message)


def test_what_runs_out_is_removed_unless_renewed_meanwhile(store: LockStore) -> None:
    store.lock(MINE)
    store.lock(replace(MINE, key="other"))
    watch = Watch()
    told: list[Lock] = []
    expire(store, watch, 0, told.append)
    store.lock(MINE)
    expire(store, watch, 15, told.append)
    assert [lock.key for lock in told] == ["other"]
    assert [lock.key for lock in store.fetch_all()] == ["bbs"]
    seen = store.fetch("bbs")
    store.lock(MINE)
    assert not store.expire(seen)
