"""The director's HTTP client, on a server of one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from bosh.clients import director
from bosh.clients.director import DirectorClient, Unreachable


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peers: ClassVar[list[Any]]
    states: ClassVar[list[str]]
    url: ClassVar[str]

    def _answer(self, body: bytes) -> None:
        self.peers.append(self.client_address)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"{}")

    def do_GET(self) -> None:
        if "output" in self.path:
            self._answer(b"")
        else:
            self._answer(b'{"id": 1, "state": "%s"}' % self.states.pop(0).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """No word."""


@pytest.fixture
def server() -> Iterator[type[_Handler]]:
    class handler(_Handler):  # noqa: N801
        peers: ClassVar[list[Any]] = []
        states: ClassVar[list[str]] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        handler.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler
        http.shutdown()
        thread.join()


@pytest.fixture
def client(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DirectorClient]:
    import http.client

    def plain(host: str, port: int, **_: Any) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(host, port)

    monkeypatch.setattr(http.client, "HTTPSConnection", plain)
    made = DirectorClient(server.url)
    yield made
    made.close()


def test_calls_in_a_row_share_a_connection(server: Any, client: DirectorClient) -> None:
    for _ in range(3):
        client.call("POST", "/deployments", body=b"x")
    assert len(set(server.peers)) == 1


def test_a_connection_left_alone_is_not_trusted_with_a_body(
    server: Any, client: DirectorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may think about ``Continue?`` for longer than the director keeps a connection."""
    client.call("POST", "/deployments/dep/diff", body=b"x")
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 60)
    client.call("POST", "/deployments", body=b"x")
    assert len(set(server.peers)) == 2


def test_a_task_is_followed_until_it_ends(server: Any, client: DirectorClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.states += ["queued", *["processing"] * 6, "done"]
    assert client.follow(1, kind="event", feed=lambda text: None)["state"] == "done"
    assert pauses[0] < pauses[1] < pauses[-1] == director.POLL_INTERVAL_S


def test_nobody_there(client: DirectorClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _s: None)
    gone = DirectorClient("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="cannot reach the director"):
        gone.get("/info")
