"""The embedded blobstore over HTTP: GET, HEAD, PUT and DELETE of ``/<id>``, ``/<xx>/<id>`` and ``/signed/<xx>/<id>`` (bosh: jobs/blobstore).

Director and agents come with user and password; a signed URL is its own permission, for one verb, one blob and one day.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bosh.clients.blobstore import blob_path, relative_path, signature_holds
from bosh.director import log
from bosh.director.auth.users import credentials
from bosh.director.config import BlobstoreConfig
from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire.errors import ResourceNotFound

_PIECE_BYTES = 1 << 20
_METHODS = ("GET", "HEAD", "PUT", "DELETE")


def blob_id_of(path: str) -> str:
    """The blob that a URL's path names; empty when it names none.

    ``/<id>``; ``/<xx>/<id>`` where ``xx`` must be the id's own; both also below ``/signed``.
    """
    parts = path.removeprefix("/signed").strip("/").split("/")
    blob_id = parts[-1]
    if len(parts) > 2 or not blob_id:
        return ""
    try:
        proper = relative_path(blob_id)
    except ResourceNotFound:
        return ""
    return blob_id if len(parts) == 1 or proper == "/".join(parts) else ""


class BlobService:
    """The ASGI application."""

    def __init__(self, root: Path, config: BlobstoreConfig, clock: Clock, ids: Ids) -> None:
        self._root = root
        self._config = config
        self._clock = clock
        self._ids = ids
        (root / "incoming").mkdir(mode=0o700, parents=True, exist_ok=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            reply = await self._answer(request)
        except ClientDisconnect:
            return
        await reply(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return Response(status_code=405, headers={"Allow": ", ".join(_METHODS)})
        blob_id = blob_id_of(request.url.path)
        if not self._may(request, blob_id):
            if request.url.path.startswith("/signed/"):
                return Response("The link is not valid, or not any more\n", 403)
            return Response("Not authorized\n", 401, {"WWW-Authenticate": 'Basic realm="Blobstore"'})
        if not blob_id:
            return Response("No blob can have this name\n", 404)
        path = blob_path(self._root, blob_id)
        if request.method == "PUT":
            return await self._put(request, path)
        if request.method == "DELETE":
            return self._delete(path)
        return self._get(request, path)

    def _may(self, request: Request, blob_id: str) -> bool:
        if request.url.path.startswith("/signed/"):
            return bool(blob_id) and self._is_signed(request, blob_id)
        given = credentials(request.headers.get("authorization", ""))
        known = (
            (self._config.director_user, self._config.director_password),
            (self._config.agent_user, self._config.agent_password),
        )
        # A list, so that each is compared whatever the others gave.
        return given is not None and True in [_same(given, each) for each in known]

    def _is_signed(self, request: Request, blob_id: str) -> bool:
        if not self._config.enable_signed_urls:
            return False
        verb = "GET" if request.method == "HEAD" else request.method
        return signature_holds(
            self._config.secret,
            dict(request.query_params),
            verb=verb,
            path=relative_path(blob_id),
            now=self._clock.now(),
        )

    def _get(self, request: Request, path: Path) -> Response:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return Response("No such blob\n", 404)
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        if request.method == "HEAD":
            return Response(b"", 200, headers)
        return StreamingResponse(_pieces(path), 200, headers)

    async def _put(self, request: Request, path: Path) -> Response:
        incoming = self._root / "incoming" / self._ids.uuid()
        existed = _has(path)
        try:
            await _store(request, incoming)
            path.parent.mkdir(exist_ok=True)
            incoming.replace(path)
        except OSError as error:
            log.line("blob_not_stored", error=error)
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            return Response("The blob could not be stored\n", 507 if full else 500)
        finally:
            incoming.unlink(missing_ok=True)
        return Response(status_code=204 if existed else 201)

    def _delete(self, path: Path) -> Response:
        try:
            path.unlink()
        except FileNotFoundError:
            return Response("No such blob\n", 404)
        return Response(status_code=204)


def _same(given: tuple[str, str], known: tuple[str, str]) -> bool:
    # Both comparisons are always made, so that the time taken says nothing. An empty password lets nobody in.
    same_user = hmac.compare_digest(given[0].encode(), known[0].encode())
    same_password = hmac.compare_digest(given[1].encode(), known[1].encode())
    return same_user and same_password and bool(known[1])


def _has(path: Path) -> bool:
    return path.exists()


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as stream:
        while piece := await asyncio.to_thread(stream.read, _PIECE_BYTES):
            yield piece


async def _store(request: Request, path: Path) -> None:
    """The request's body in a file. Raises OSError."""
    waiting = bytearray()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        async for piece in request.stream():
            waiting += piece
            if len(waiting) >= _PIECE_BYTES:
                full, waiting = waiting, bytearray()
                await asyncio.to_thread(sink.write, full)
        sink.write(waiting)
