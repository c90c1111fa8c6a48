"""The BBS on HTTP. Sources: bbs handlers/{handlers,events_handlers,unavailable_handler}.go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import count

from cf_wire.bbs import events_pb2
from cf_wire.bbs_http import CONTENT_TYPE, EVENT_STREAM, LRP_INSTANCE_EVENTS, TASK_EVENTS, TRACE_HEADER, event_frame
from google.protobuf.message import DecodeError, Message
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .hub import EventHub, Wanted
from .server import ANSWERED, Server


def make_app(server: Server, lrp_hub: EventHub, task_hub: EventHub, leads: Callable[[], bool]) -> Starlette:
    """Return the ASGI application.

    Args:
        server: answers the calls.
        lrp_hub, task_hub: where the server's events go.
        leads: whether this BBS holds the lock; one that does not answers 503 to all.
    """

    async def call(request: Request) -> Response:
        if not leads():
            return Response(status_code=503)
        body = await request.body()
        trace = request.headers.get(TRACE_HEADER, "")
        answer = await run_in_threadpool(server.answer, request.url.path, body, trace)
        return Response(answer, media_type=CONTENT_TYPE)

    def streaming(hub: EventHub) -> Callable[[Request], object]:
        async def stream(request: Request) -> Response:
            if not leads():
                return Response(status_code=503)
            try:
                asked = events_pb2.EventsByCellId.FromString(await request.body())
            except DecodeError:
                return Response(status_code=400)
            headers = {"cache-control": "no-cache, no-store, must-revalidate"}
            return StreamingResponse(_frames(hub, on_cell(asked.cell_id)), headers=headers, media_type=EVENT_STREAM)

        return stream

    routes = [Route(path, call, methods=["POST"]) for path in ANSWERED]
    for (method, path), hub in ((LRP_INSTANCE_EVENTS, lrp_hub), (TASK_EVENTS, task_hub)):
        routes += [Route(each, streaming(hub), methods=[method]) for each in (path, path.removesuffix(".r1"))]
    return Starlette(routes=routes)


async def _frames(hub: EventHub, wanted: Wanted) -> AsyncIterator[bytes]:
    listener = hub.listen(wanted)
    try:
        numbers = count()
        async for event in listener.events():
            yield event_frame(next(numbers), event)
    finally:
        hub.leave(listener)


def on_cell(cell_id: str) -> Wanted:
    """Return what tells whether an event concerns a cell: all do when none is named, and so do those about no instance."""

    def wanted(event: Message) -> bool:
        return not cell_id or cell_id in _cells(event)

    def _cells(event: Message) -> set[str]:
        if isinstance(event, events_pb2.ActualLRPInstanceCreatedEvent | events_pb2.ActualLRPInstanceRemovedEvent):
            return {event.actual_lrp.actual_lrp_instance_key.cell_id}
        if isinstance(event, events_pb2.ActualLRPInstanceChangedEvent | events_pb2.ActualLRPCrashedEvent):
            return {event.actual_lrp_instance_key.cell_id}
        return {cell_id}

    return wanted
