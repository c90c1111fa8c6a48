"""Routes requests to handlers, and turns what they raise into the replies that clients know (bosh: base_controller.rb)."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from bosh.director import log
from bosh.director.api.calls import Answer, Call, Desk, json_reply, text_reply
from bosh.director.auth.users import Directory
from bosh.wire.errors import BoshError, joined

Handler = Callable[[Call], Response | Awaitable[Response]]

# Slower requests than this are told of: they hold up everybody else's.
_SLOW_S = 1.0


@dataclass(frozen=True)
class Endpoint:
    """One method and path.

    ``permission`` is what the director as a whole must allow (``auth.scopes``), empty when the handler asks about what it finds;
    ``consumes`` are the content types it takes, any when empty.
    """

    method: str
    path: str
    handler: Handler
    permission: str = "admin"
    consumes: tuple[str, ...] = ()
    is_open: bool = False
    """Answers without authentication."""


async def _never(_request: Request) -> Response:
    raise NotImplementedError


class App:
    """The ASGI application."""

    def __init__(self, desk: Desk, endpoints: Sequence[Endpoint], *, count: Callable[[str, int], None]) -> None:
        self._desk = desk
        self._users = Directory(desk.config.users)
        self._count = count
        self._routes: dict[tuple[str, str], list[tuple[Route, Endpoint]]] = {}
        for each in endpoints:
            route = Route(each.path, _never, methods=[each.method])
            self._routes.setdefault((each.method, _first_segment(each.path)), []).append((route, each))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/")
        began_s = time.monotonic()
        request = Request(scope, receive)
        try:
            reply = await self._answer(request)
        except ClientDisconnect:
            return
        # Neither uvicorn nor we would add it otherwise; the original sends it in this form.
        reply.headers.setdefault("Date", formatdate(usegmt=True))
        self._count(request.method, reply.status_code)
        took_s = time.monotonic() - began_s
        if took_s > _SLOW_S:
            log.line("slow_request", method=request.method, path=request.url.path, seconds=f"{took_s:.2f}")
        await reply(scope, receive, send)

    def _candidates(self, scope: Scope) -> list[Endpoint]:
        found = []
        for route, endpoint in self._routes.get((scope["method"], _first_segment(scope["path"])), ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                found.append(endpoint)
                scope.setdefault("path_params", {}).update(child["path_params"])
        return found

    async def _answer(self, request: Request) -> Response:
        candidates = self._candidates(request.scope)
        if not candidates:
            return _no_such_endpoint(request)
        user = self._users.identify(_authorization(request))
        if user is None and not candidates[0].is_open:
            challenge = {"WWW-Authenticate": 'Basic realm="BOSH Director"'}
            return Response(f"Not authorized: '{request.url.path}'\n", 401, challenge, media_type="text/html")
        call = Call(request, self._desk, user)
        for endpoint in candidates:
            if not endpoint.consumes or call.content_type in endpoint.consumes:
                return await _handled(endpoint, call)
        return _no_such_endpoint(request)


def _first_segment(path: str) -> str:
    return path.split("/", 2)[1]


def _authorization(request: Request) -> str:
    for name in ("authorization", "x-http-authorization", "x_http_authorization"):
        if name in request.headers:
            return request.headers[name]
    return ""


def _no_such_endpoint(request: Request) -> Response:
    return text_reply(f"Endpoint '{request.url.path}' not found.", 404)


async def _handled(endpoint: Endpoint, call: Call) -> Response:
    try:
        if endpoint.permission:
            call.demand(endpoint.permission)
        _ = call.context_id
        reply = endpoint.handler(call)
        if inspect.isawaitable(reply):
            reply = await reply
    except Answer as answer:
        return text_reply(answer.text, answer.status)
    except BoshError as error:
        return json_reply({"code": error.code, "description": joined(error)}, error.status)
    except (ClientDisconnect, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - one request's fault must not end the daemon
        return _broken(call, error)
    return reply


def _broken(call: Call, error: Exception) -> Response:
    import traceback

    where = "".join(traceback.format_exception(error)).rstrip()
    log.line("request_failed", method=call.request.method, path=call.request.url.path, error=where)
    return json_reply({"code": 500000, "description": f"internal error: {type(error).__name__}"}, 500)


def endpoint(method: str, path: str, handler: Any, permission: str = "admin", **rest: Any) -> Endpoint:
    """An entry of a resource's table."""
    return Endpoint(method, path, handler, permission, **rest)
