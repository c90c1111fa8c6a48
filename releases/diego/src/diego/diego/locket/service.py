"""Locket on gRPC. Source: locket handlers/handler.go, models/{locket.proto,models.go}."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from cf_wire.locket import locket_pb2 as pb
from cf_wire.locket import locket_pb2_grpc

from .locks import Lock, LocketError, Status, TypeCode, Watch, expect_type
from .store import LockStore

_NAMES = {TypeCode.LOCK: "lock", TypeCode.PRESENCE: "presence"}
_CODES = {
    Status.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Status.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Status.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
}


class LocketService(locket_pb2_grpc.LocketServicer):
    """Answers the four calls."""

    def __init__(self, store: LockStore) -> None:
        self._store = store

    def Lock(self, request: pb.LockRequest, context: grpc.ServicerContext) -> pb.LockResponse:  # noqa: N802
        """Take a lock or presence, or renew it."""
        one = request.resource
        with _answering(context):
            self._store.lock(Lock(one.key, one.owner, one.value, one.type_code, request.ttl_in_seconds))
        return pb.LockResponse()

    def Release(self, request: pb.ReleaseRequest, context: grpc.ServicerContext) -> pb.ReleaseResponse:  # noqa: N802
        """Give a lock or presence back."""
        with _answering(context):
            self._store.release(request.resource.key, request.resource.owner)
        return pb.ReleaseResponse()

    def Fetch(self, request: pb.FetchRequest, context: grpc.ServicerContext) -> pb.FetchResponse:  # noqa: N802
        """Return one lock or presence."""
        with _answering(context):
            found = self._store.fetch(request.key)
        return pb.FetchResponse(resource=_resource(found))

    def FetchAll(self, request: pb.FetchAllRequest, context: grpc.ServicerContext) -> pb.FetchAllResponse:  # noqa: N802
        """Return all locks, or all presences."""
        with _answering(context):
            expect_type(request.type_code)
            found = self._store.fetch_all(request.type_code)
        return pb.FetchAllResponse(resources=map(_resource, found))


def expire(store: LockStore, watch: Watch, now: float, expired: Callable[[Lock], None]) -> None:
    """Remove what was not renewed in its time, and tell of each; to be called about once a second on a steady clock."""
    for lock in watch.look(store.fetch_all(), now):
        if store.expire(lock):
            expired(lock)


def _resource(lock: Lock) -> pb.Resource:
    name = _NAMES[TypeCode(lock.type_code)]
    return pb.Resource(
        key=lock.key,
        owner=lock.owner,
        value=lock.value,
        type=name,
        type_code=lock.type_code,  # type: ignore[arg-type]
    )


@contextmanager
def _answering(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except LocketError as error:
        context.abort(_CODES[error.status], str(error))
