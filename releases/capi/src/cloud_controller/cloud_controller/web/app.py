"""The ASGI applications: the public one and the one for other components."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import sqlalchemy.exc
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Lifespan

from cloud_controller import errors
from cloud_controller.auth import people
from cloud_controller.auth.tokens import Identity
from cloud_controller.services import Services
from cloud_controller.web import uploads
from cloud_controller.web.call import Call, Reply, Route, Upload

log = logging.getLogger(__name__)

READING = frozenset({"GET", "HEAD"})
BODY_LIMIT_BYTES = 32 << 20
# A handler that lost a race for a unique name sees the winner's record when it runs again.
ATTEMPTS = 2


class Endpoint:
    """Answers one route."""

    def __init__(self, services: Services, route: Route) -> None:
        self._services = services
        self._route = route

    async def handle(self, request: Request) -> Response:
        """Authenticate, read, run the handler in a thread, answer."""
        started = time.perf_counter()
        warnings: list[str] = []
        try:
            reply = await self._answer(request, warnings)
        except errors.ApiError as error:
            reply = Reply(error.status, error.body())
        except httpx.HTTPError as error:
            log.warning("UAA does not answer", extra={"path": request.url.path, "why": str(error)})
            down = errors.uaa_unavailable()
            reply = Reply(down.status, down.body())
        response = _response(request, reply, warnings)
        self._count(response.status_code, time.perf_counter() - started)
        return response

    def _count(self, status: int, seconds: float) -> None:
        metrics, route = self._services.metrics, self._route
        metrics.requests.labels(route.method, route.path, str(status)).inc()
        metrics.durations.labels(route.path).observe(seconds)

    async def _answer(self, request: Request, warnings: list[str]) -> Reply:
        identity = await run_in_threadpool(self._identify, request)
        async with AsyncExitStack() as stack:
            upload, body = None, b""
            if self._route.upload:
                limit = self._services.config.blobstore.max_upload_bytes
                upload = await stack.enter_async_context(uploads.received(request, limit))
            else:
                body = await _body(request)
            return await run_in_threadpool(self._run, request, identity, body, upload, warnings)

    def _identify(self, request: Request) -> Identity | None:
        route = self._route
        if route.access == "open":
            return None
        if route.access == "signed":
            query = request.query_params
            if not self._services.signer.holds(request.url.path, query.get("expires", ""), query.get("signature", "")):
                raise errors.not_authorized()
            return None
        authorization = request.headers.get("authorization")
        if route.access == "optional" and not authorization:
            return None
        identity = self._services.verifier.identify(authorization)
        if not (identity.may_read if route.method in READING else identity.may_write):
            raise errors.insufficient_scope()
        people.remember(self._services.database, identity)
        return identity

    def _run(
        self, request: Request, identity: Identity | None, body: bytes, upload: Upload | None, warnings: list[str]
    ) -> Reply:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._in_transaction(request, identity, body, upload, warnings)
            except sqlalchemy.exc.IntegrityError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("internal error: no attempt was made")

    def _in_transaction(
        self, request: Request, identity: Identity | None, body: bytes, upload: Upload | None, warnings: list[str]
    ) -> Reply:
        database = self._services.database
        # Looking at secrets is written down.
        reading = self._route.method in READING and self._route.access != "token_writes"
        with database.reading() if reading else database.writing() as store:
            call = Call(
                services=self._services,
                store=store,
                identity=identity,
                path=request.url.path.rstrip("/") or "/",
                params=request.path_params,
                query=request.query_params.multi_items(),
                body=body,
                upload=upload,
                warnings=warnings,
            )
            return self._route.handler(call)


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT_BYTES:
            raise errors.parse_error("the body is too large")
        parts.append(chunk)
    return b"".join(parts)


def _response(request: Request, reply: Reply, warnings: list[str]) -> Response:
    headers = {**reply.headers, "X-Vcap-Request-Id": _request_id(request)}
    if warnings:
        headers["X-Cf-Warnings"] = ",".join(quote(warning, safe="") for warning in warnings)
    if reply.file is not None:
        return FileResponse(reply.file, reply.status, headers, media_type=reply.content_type)
    if reply.text is not None:
        return Response(reply.text, reply.status, headers, media_type=reply.content_type)
    content = b"" if reply.body is None else msgspec.json.encode(reply.body)
    return Response(content, reply.status, headers, media_type=reply.content_type if content else None)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-vcap-request-id")
    return f"{given}::{uuid.uuid4()}" if given else str(uuid.uuid4())


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    known = errors.unknown_request() if status in {404, 405} else errors.server_error()
    return _response(request, Reply(known.status, known.body()), [])


async def _defect(request: Request, error: Exception) -> Response:
    log.error("request failed", extra={"path": request.url.path, "method": request.method}, exc_info=error)
    problem = errors.server_error()
    return _response(request, Reply(problem.status, problem.body()), [])


def build(services: Services, routes: Sequence[Route], lifespan: Lifespan[Any] | None = None) -> Starlette:
    """An application that answers these routes; each path also with a slash at its end."""
    starlette_routes = [
        StarletteRoute(path, Endpoint(services, route).handle, methods=[route.method])
        for route in routes
        for path in ([route.path, f"{route.path}/"] if route.path != "/" else ["/"])
    ]
    handlers: Any = {HTTPException: _no_such_path, 404: _no_such_path, 405: _no_such_path, Exception: _defect}
    app = Starlette(routes=starlette_routes, exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    return app
