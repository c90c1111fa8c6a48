"""The director's HTTP API as its clients use it (bosh-cli: director/client_request.go, task_client_request.go).

Standard library only, HTTP and TLS not before the first call: a command line must start at once. One keep-alive connection per client.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    import http.client

DEFAULT_PORT = 25555
_FIRST_PAUSE_S = 0.02
POLL_INTERVAL_S = 0.1
"""Shorter than the original client's half second: most of a short task's time was spent asleep."""
_FRESH_S = 10.0
"""A connection unused for longer may have been closed by the director (ours: after 30 s), which a request with a body would find out too late."""
_RETRIES = 5
_RUNNING = frozenset({"queued", "processing", "cancelling"})


class DirectorError(Exception):
    """The director refused. ``code`` is its numeric error code, 0 when it sent none; ``body`` its answer, None when it is not one."""

    def __init__(self, status: int, code: int, description: str, body: str | None = None) -> None:
        super().__init__(description)
        self.status, self.code, self.description, self.body = status, code, description, body


class Unreachable(Exception):
    """No director answered, or its certificate is not trusted. ``request`` is what was asked: ``GET 'https://…'``."""

    def __init__(self, reason: str, request: str = "") -> None:
        super().__init__(reason)
        self.request = request


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def _log(method: str, url: str, reply: Reply) -> None:
    """For whoever has switched logging on; neither headers nor bodies are shown, for the secrets in them."""
    if "logging" in sys.modules:
        import logging

        form = "%s '%s' → %s, %s bytes"
        logging.getLogger("director.clientRequest").debug(form, method, url, reply.status, len(reply.body))


def normalise(url: str) -> str:
    """``host``, ``host:port`` or a URL as ``https://host:port``; always https, port 25555 unless given."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}:{parts.port or DEFAULT_PORT}"


def ca_text(value: str) -> str:
    """``--ca-cert`` is PEM text or a path."""
    return value if not value or "BEGIN" in value else Path(value).expanduser().read_text()


class DirectorClient:
    """Calls one director.

    Args:
        url: as ``normalise`` gives it.
        ca_cert: PEM text; empty to use the system's authorities.
        username, password: basic auth; empty for anonymous calls.
    """

    def __init__(
        self, url: str, *, ca_cert: str = "", username: str = "", password: str = "", context_id: str = ""
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self._host, self._port = parts.hostname or "", parts.port or DEFAULT_PORT
        self._ca_cert = ca_cert
        self._headers: dict[str, str] = {"X-Bosh-Context-Id": context_id} if context_id else {}
        if username:
            token = base64.b64encode(f"{username}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._connection: http.client.HTTPSConnection | None = None
        self._used_at_s = 0.0

    def _connect(self) -> http.client.HTTPSConnection:
        if time.monotonic() - self._used_at_s > _FRESH_S:
            self.close()
        if self._connection is None:
            import http.client
            import ssl

            context = ssl.create_default_context(cadata=self._ca_cert or None)
            self._connection = http.client.HTTPSConnection(self._host, self._port, context=context, timeout=900)
        return self._connection

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | BinaryIO | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One call; connection failures are repeated for GET, and refused connections for all.

        Raises:
            Unreachable: no answer.
        """
        import http.client
        import ssl

        pairs = {key: value for key, value in (query or {}).items() if value not in (None, "")}
        target = path + ("?" + urlencode(pairs, doseq=True) if pairs else "")
        for attempt in range(_RETRIES):
            connection = self._connect()
            try:
                connection.request(method, target, body=body, headers={**self._headers, **(headers or {})})
                response = connection.getresponse()
                reply = Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
                self._used_at_s = time.monotonic()
                _log(method, f"{self.url}{target}", reply)
                return reply
            except ssl.SSLError as error:
                self.close()
                reason = f"cannot trust the director at {self.url}: {error}"
                raise Unreachable(reason, f"{method} '{self.url}{target}'") from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                retry = isinstance(error, ConnectionRefusedError) or method == "GET" or body is None
                if not retry or attempt == _RETRIES - 1:
                    reason = f"cannot reach the director at {self.url}: {error}"
                    raise Unreachable(reason, f"{method} '{self.url}{target}'") from error
                time.sleep(0.5 if attempt else 0.0)
        raise AssertionError("not reached")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, path: str, **options: Any) -> Reply:
        """A call that must succeed. Raises DirectorError, Unreachable."""
        reply = self.request(method, path, **options)
        if reply.status >= 400:
            raise _refusal(method, path, reply)
        return reply

    def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET."""
        return self.call("GET", path, query=query).json()

    def path_of(self, location: str) -> str:
        """The path of a ``Location`` header; host and port of a redirect never count."""
        return urlsplit(location).path

    def start_task(self, method: str, path: str, **options: Any) -> int:
        """A call that answers with a redirect to its task; the task's id."""
        reply = self.call(method, path, **options)
        location = urlsplit(reply.headers.get("location", "")).path
        if reply.status not in {301, 302, 303} or not location.startswith("/tasks/"):
            raise DirectorError(reply.status, 0, f"Expected '{method} {path}' to start a task, got {reply.status}")
        return int(location.removeprefix("/tasks/"))

    def task(self, task_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/tasks/{task_id}")
        return found

    def output(self, task_id: int, kind: str, offset: int = 0) -> bytes:
        """What came after ``offset`` bytes of a task's output."""
        headers = {"Range": f"bytes={offset}-"}
        reply = self.request("GET", f"/tasks/{task_id}/output", query={"type": kind}, headers=headers)
        if reply.status in {204, 416}:
            return b""
        if reply.status == 206:
            return reply.body
        if reply.status == 200:
            return reply.body[offset:]
        raise _refusal("GET", f"/tasks/{task_id}/output", reply)

    def follow(
        self,
        task_id: int,
        *,
        kind: str,
        feed: Callable[[str], None],
        beat: Callable[[str, float, float], None] = lambda state, started_at, now: None,
    ) -> dict[str, Any]:
        """Wait for a task's end, handing on its output; the finished task.

        Args:
            beat: told state, start and present time (Unix seconds) whenever the task was found unfinished.
        """
        offset, undecoded, pause_s = 0, b"", _FIRST_PAUSE_S
        while True:
            task = self.task(task_id)
            fresh = self.output(task_id, kind, offset)
            offset += len(fresh)
            undecoded += fresh
            whole, newline, undecoded = undecoded.rpartition(b"\n")
            feed((whole + newline).decode(errors="replace"))
            if task["state"] not in _RUNNING:
                feed(undecoded.decode(errors="replace"))
                return task
            beat(str(task["state"]), float(task.get("started_at") or 0), time.time())
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, POLL_INTERVAL_S)

    def result_rows(self, task_id: int) -> list[Any]:
        """The NDJSON rows of a task's result output."""
        return [json.loads(line) for line in self.output(task_id, "result").splitlines() if line.strip()]

    def download(self, blob_id: str, target: Path) -> None:
        """A blob into a file."""
        target.write_bytes(self.call("GET", f"/resources/{quote(blob_id)}").body)


def _refusal(method: str, path: str, reply: Reply) -> DirectorError:
    text = reply.body.decode(errors="replace")
    try:
        body = json.loads(text)
        return DirectorError(reply.status, int(body.get("code", 0)), str(body.get("description", "")), text)
    except (ValueError, AttributeError):
        said = f"Director responded to '{method} {path}' with {reply.status}: {text.strip()}"
        return DirectorError(reply.status, 0, said, text)
