"""HTTP around the handlers: routes, threads, errors, log lines, measurements."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final
from urllib.parse import unquote

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from uaa import pages
from uaa.api.routes import ROUTES, Handler
from uaa.context import Uaa
from uaa.errors import UaaError
from uaa.metrics import Metrics
from uaa.web import Call, Reply, json_reply, page_reply

_log = logging.getLogger("uaa.access")
_MAX_BODY_BYTES: Final = 1 << 20
_TOKENS: Final = 'Bearer realm="UAA/oauth"'
_CLIENTS: Final = 'Basic realm="UAA/client"'
_FOR_CLIENTS: Final = frozenset({"/oauth/token", "/check_token", "/introspect"})
THREADS: Final = 4
"""Requests worked on at once: each takes a few milliseconds, and hashing a password keeps a core busy. The rest wait their turn."""


class Router:
    """Finds the handler of a path; words beat ``{names}`` because they are listed by how special they are."""

    def __init__(self, routes: Sequence[tuple[str, str, Handler]]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], str, dict[str, Handler]]]] = {}
        grouped: dict[str, dict[str, Handler]] = {}
        for method, path, handler in routes:
            grouped.setdefault(path, {})[method] = handler
        for path, handlers in grouped.items():
            parts = tuple(path.strip("/").split("/"))
            self._by_length.setdefault(len(parts), []).append((parts, path, handlers))
        for group in self._by_length.values():
            group.sort(key=lambda item: [part.startswith("{") for part in item[0]])

    def find(self, method: str, path: str) -> tuple[Handler, str, dict[str, str]]:
        """The handler, its pattern, and the named parts, decoded.

        Raises:
            UaaError: 404 or 405.
        """
        given = tuple(path.strip("/").split("/"))
        for parts, pattern, handlers in self._by_length.get(len(given), ()):
            if all(part.startswith("{") or part == have for part, have in zip(parts, given, strict=True)):
                handler = handlers.get("GET" if method == "HEAD" else method)
                if handler is None:
                    raise UaaError(405, "method_not_allowed", f"Request method '{method}' not supported")
                named = zip(parts, given, strict=True)
                return handler, pattern, {part[1:-1]: unquote(have) for part, have in named if part.startswith("{")}
        raise UaaError(404, "not_found", "There is nothing at this address")


def application(uaa: Uaa, metrics: Metrics) -> ASGIApp:
    """The server of everything but the metrics."""
    router = Router(ROUTES)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        pattern = "unknown"
        try:
            call = await _call(request)
            handler, pattern, places = router.find(call.method, _raw_path(scope))
            work = partial(_answer, uaa, handler, _at(call, places))
            reply = await asyncio.get_running_loop().run_in_executor(threads, work)
        except ClientDisconnect:
            return
        except UaaError as error:
            reply = _refusal(error, wants_page=False)
        spent_s = time.perf_counter() - started
        metrics.request(request.method, pattern, reply.status, spent_s)
        _note(request, pattern, reply, spent_s)
        response = Response(reply.body, reply.status)
        for name, value in (*reply.headers, *_ALWAYS):
            response.headers.append(name, value)
        await response(scope, receive, send)

    return app


_ALWAYS: Final = (("x-content-type-options", "nosniff"), ("strict-transport-security", "max-age=31536000"))


def _raw_path(scope: Scope) -> str:
    """Undecoded, so that ``%2F`` stays inside its part."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


async def _call(request: Request) -> Call:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise UaaError(413, "invalid_request", "The request is too large")
    return Call(
        method=request.method,
        path=request.url.path,
        query_string=request.url.query,
        headers=dict(request.headers),
        body=bytes(body),
        peer=request.client.host if request.client else "",
    )


def _at(call: Call, places: dict[str, str]) -> Call:
    return Call(call.method, call.path, call.query_string, call.headers, call.body, places, call.peer)


def _answer(uaa: Uaa, handler: Handler, call: Call) -> Reply:
    """In a thread: handlers wait for the database and for bcrypt."""
    try:
        return handler(uaa, call)
    except UaaError as error:
        scheme = _CLIENTS if call.path in _FOR_CLIENTS else _TOKENS
        return _refusal(error, wants_page=_wants_page(call), scheme=scheme)
    except SQLAlchemyError:
        _log.exception("DatabaseFailed", extra={"details": {"path": call.path}})
        return json_reply({"error": "server_error", "error_description": "The database does not answer"}, 503)
    except Exception:  # noqa: BLE001 – the last place that can tell what happened; the client learns that, not what
        _log.exception("RequestFailed", extra={"details": {"path": call.path}})
        return json_reply({"error": "server_error", "error_description": "Internal error"}, 500)


def _wants_page(call: Call) -> bool:
    accept = call.headers.get("accept", "")
    return "text/html" in accept and not call.wants_json and "authorization" not in call.headers


def _refusal(error: UaaError, *, wants_page: bool, scheme: str = _TOKENS) -> Reply:
    if wants_page:
        return page_reply(pages.failure(error.description), error.status)
    return json_reply(error.body(), error.status, (*_challenge(error, scheme), ("cache-control", "no-store")))


def _challenge(error: UaaError, scheme: str) -> tuple[tuple[str, str], ...]:
    """RFC 6750 §3, and for clients as uaa has it in spring/oauth-endpoints.xml."""
    if error.status not in {401, 403}:
        return ()
    text = error.description.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode()
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return (("www-authenticate", f'{scheme}, error="{error.error}", error_description="{text}"'),)


def _note(request: Request, pattern: str, reply: Reply, spent_s: float) -> None:
    level = logging.DEBUG if pattern == "/healthz" else logging.INFO
    details = {
        "method": request.method,
        "path": request.url.path,
        "status": reply.status,
        "ms": round(spent_s * 1000, 1),
        "peer": request.headers.get("x-forwarded-for") or (request.client.host if request.client else ""),
        "request_id": request.headers.get("x-vcap-request-id", ""),
    }
    _log.log(level, "Request", extra={"details": details})
