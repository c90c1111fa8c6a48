"""Fetching what an operator named by URL: releases and stemcells for ``remote`` uploads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from bosh.system.clock import Clock
from bosh.wire.errors import NotEnoughDiskSpace, ResourceNotFound, SystemFailure

_TRIES = 3
_PAUSE_S = 1.0
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)

Progress = Callable[[int, int], None]
"""Bytes so far, bytes in all (0 when the server did not say)."""


async def download(
    url: str,
    target: Path,
    *,
    clock: Clock,
    max_bytes: int,
    progress: Progress | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Fetch ``http(s)://`` or ``file://`` into a file; redirects are followed, network faults tried again.

    Raises:
        ResourceNotFound: the server says that there is no such thing, or the file does not exist.
        NotEnoughDiskSpace: longer than ``max_bytes``.
        SystemFailure: the network or the server failed ``_TRIES`` times, or the scheme is unknown.
    """
    scheme = urlsplit(url).scheme
    if scheme == "file":
        _copy_local(url, target)
        return
    if scheme not in {"http", "https"}:
        raise SystemFailure(f"cannot download {_shown(url)}", details=f"unknown scheme {scheme!r}")
    async with httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT, transport=transport) as client:
        for attempt in range(1, _TRIES + 1):
            try:
                await _fetch(client, url, target, max_bytes, progress)
            except (httpx.TransportError, _ServerFault) as error:
                if attempt == _TRIES:
                    raise SystemFailure(f"cannot download {_shown(url)}", details=str(error)) from error
                await clock.sleep_s(_PAUSE_S * attempt)
            else:
                return


class _ServerFault(Exception):
    """A reply that may be better next time."""


async def _fetch(client: httpx.AsyncClient, url: str, target: Path, max_bytes: int, progress: Progress | None) -> None:
    async with client.stream("GET", url) as reply:
        if reply.status_code >= 500:
            raise _ServerFault(f"HTTP status {reply.status_code}")
        if reply.status_code >= 400:
            raise ResourceNotFound(f"cannot download {_shown(url)}", details=f"HTTP status {reply.status_code}")
        total = int(reply.headers.get("content-length") or 0)
        received = 0
        with target.open("wb") as sink:
            async for piece in reply.aiter_bytes(1 << 20):
                received += len(piece)
                if received > max_bytes:
                    raise NotEnoughDiskSpace(f"cannot download {_shown(url)}", details=f"more than {max_bytes} bytes")
                sink.write(piece)
                if progress is not None:
                    progress(received, total)


def _copy_local(url: str, target: Path) -> None:
    import shutil

    source = Path(unquote(urlsplit(url).path))
    if not source.is_file():
        raise ResourceNotFound(f"cannot read {source}", details="no such file on the director's machine")
    shutil.copyfile(source, target)


def _shown(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="").geturl()
