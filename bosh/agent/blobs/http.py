"""Plain HTTP for blobs: GET to a file, PUT from a file. Blocking: called in a thread."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from bosh.wire.errors import BoshError

TIMEOUT_S = 60.0
"""Of each read and write, not of the transfer."""
CHUNK_BYTES = 1 << 18
MAX_REDIRECTS = 5


def download(url: str, target: Path, headers: Mapping[str, str], *, ca: str = "") -> None:
    """GET into a file.

    Raises:
        BoshError: not reachable, or any other answer than success; ``status`` is the HTTP status then.
    """
    with _answer("GET", url, headers, ca) as response, target.open("wb") as stream:
        while piece := response.read(CHUNK_BYTES):
            stream.write(piece)


def upload(url: str, source: Path, headers: Mapping[str, str], *, ca: str = "") -> None:
    """PUT a file's content. Raises BoshError as ``download`` does."""
    with source.open("rb") as body:
        length = {"Content-Length": str(source.stat().st_size)}
        with _answer("PUT", url, {**headers, **length}, ca, body) as response:
            response.read()


def fetch(method: str, url: str, headers: Mapping[str, str], *, ca: str = "") -> bytes:
    """A small answer as bytes. Raises BoshError as ``download`` does."""
    with _answer(method, url, headers, ca) as response:
        return response.read()


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication; none without a user."""
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@contextmanager
def _answer(method: str, url: str, headers: Mapping[str, str], ca: str, body: object = None) -> Iterator[HTTPResponse]:
    for _ in range(MAX_REDIRECTS):
        parts = urlsplit(url)
        connection = _connection(parts, ca)
        try:
            response = _exchange(connection, method, parts, headers, body)
            location = response.getheader("Location")
            if method == "GET" and response.status in {301, 302, 303, 307, 308} and location:
                url = urljoin(url, location)
                continue
            if not 200 <= response.status < 300:
                excerpt = response.read(500).decode("utf-8", "replace")
                raise BoshError(
                    f"{method} {_shown(parts)} answered {response.status}", details=excerpt, status=response.status
                )
            yield response
            return
        except (OSError, HTTPException) as error:
            raise BoshError(f"cannot {method} {_shown(parts)}", details=str(error) or type(error).__name__) from error
        finally:
            connection.close()
    raise BoshError(f"cannot {method} {_shown(urlsplit(url))}", details=f"more than {MAX_REDIRECTS} redirects")


def _connection(parts: SplitResult, ca: str) -> HTTPConnection:
    if not parts.hostname:
        raise BoshError(f"cannot use address {parts.geturl()!r}", details="it has no host")
    if parts.scheme == "https":
        context = ssl.create_default_context(cadata=ca or None)
        return HTTPSConnection(parts.hostname, parts.port or 443, timeout=TIMEOUT_S, context=context)
    return HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT_S)


def _exchange(
    connection: HTTPConnection, method: str, parts: SplitResult, headers: Mapping[str, str], body: object
) -> HTTPResponse:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = basic(unquote(parts.username or ""), unquote(parts.password or ""))
    connection.request(method, path, body=body, headers={"Accept": "*/*", **own, **headers})  # type: ignore[arg-type]
    return connection.getresponse()


def _shown(parts: SplitResult) -> str:
    """Without user information and query: a signature is a secret."""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
