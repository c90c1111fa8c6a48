"""bosh/agent/blobs, with a real HTTP server on the loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bosh.agent.blobs.blobs import PAUSE_S, Blobs
from bosh.agent.blobs.stores import DavStore, ExternalStore, LocalStore, NoStore, build
from bosh.agent.machine.commands import FakeCommands
from bosh.agent.paths import Paths
from bosh.agent.spec import Source
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.wire.errors import BoshError

CONTENT = b"content"
DIGEST = f"{hashlib.sha1(CONTENT).hexdigest()};sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.failures = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _begin(self) -> bool:
        self.server.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.server.failures:
            self.server.failures -= 1
            self._answer(503, b"not now")
            return False
        return True

    def _answer(self, status: int, body: bytes = b"", location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if not self._begin():
            return
        if self.path == "/moved":
            self._answer(302, location="/blob?signature=secret")
        elif self.path in self.server.files:
            self._answer(200, self.server.files[self.path])
        else:
            self._answer(404)

    def do_PUT(self) -> None:
        if self._begin():
            self.server.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(201)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "vcap")
    for directory in (paths.blobs, paths.sensitive_blobs, paths.temporary):
        directory.mkdir(parents=True)
    return paths


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def dav_blobs(server: Server, paths: Paths, clock: FakeClock) -> Blobs:
    store = DavStore({"endpoint": f"{server.url}/dav/", "user": "u", "password": "p"})
    return Blobs(store, "", paths, clock, SeededIds())


async def test_a_blob_goes_to_dav_and_comes_back(
    server: Server, paths: Paths, clock: FakeClock, tmp_path: Path
) -> None:
    blobs = dav_blobs(server, paths, clock)
    (tmp_path / "file").write_bytes(CONTENT)
    blob_id, digest = await blobs.put(tmp_path / "file")
    prefix = hashlib.sha1(blob_id.encode()).hexdigest()[:2]
    assert server.files == {f"/dav/{prefix}/{blob_id}": CONTENT}
    assert server.requests[0][2]["authorization"] == "Basic dTpw"
    assert digest == f"{hashlib.sha1(CONTENT).hexdigest()};sha512:{hashlib.sha512(CONTENT).hexdigest()}"
    assert (await blobs.get(Source(digest, blob_id))).read_bytes() == CONTENT


async def test_signed_addresses_are_used_as_they_are(
    server: Server, paths: Paths, clock: FakeClock, tmp_path: Path
) -> None:
    blobs = Blobs(NoStore(), "", paths, clock, SeededIds())
    (tmp_path / "file").write_bytes(CONTENT)
    assert (await blobs.put(tmp_path / "file", f"{server.url}/blob?signature=secret", {"x-goog": "1"}))[0] == ""
    assert server.requests[0][2]["x-goog"] == "1"
    assert "authorization" not in server.requests[0][2]
    assert (await blobs.get(Source(DIGEST, signed_url=f"{server.url}/moved"))).read_bytes() == CONTENT


async def test_an_outage_is_waited_out(server: Server, paths: Paths, clock: FakeClock) -> None:
    server.files["/blob?signature=secret"] = CONTENT
    server.failures = 2
    blobs = Blobs(NoStore(), "", paths, clock, SeededIds())
    assert await blobs.get(Source(DIGEST, signed_url=f"{server.url}/blob?signature=secret"))
    assert clock.monotonic_s() == 2 * PAUSE_S
    server.failures = 9
    with pytest.raises(BoshError, match="answered 503") as caught:
        await blobs.get(Source(DIGEST, signed_url=f"{server.url}/blob?signature=secret"))
    assert "secret" not in str(caught.value)


async def test_a_wrong_digest_leaves_nothing(server: Server, paths: Paths, clock: FakeClock) -> None:
    server.files["/blob"] = b"other"
    blobs = Blobs(NoStore(), "", paths, clock, SeededIds())
    for digest, text in ((DIGEST, "expected digest"), ("", "cannot check blob")):
        with pytest.raises(BoshError, match=text):
            await blobs.get(Source(digest, signed_url=f"{server.url}/blob"))
    assert list(paths.temporary.iterdir()) == []


async def test_a_blob_from_the_bus_comes_first(paths: Paths, clock: FakeClock) -> None:
    blobs = Blobs(NoStore(), "", paths, clock, SeededIds())
    blobs.keep_delivered("b", CONTENT)
    assert (paths.sensitive_blobs / "b").stat().st_mode & 0o777 == 0o600
    assert (await blobs.get(Source(DIGEST, "b"))).read_bytes() == CONTENT
    blobs.delete_delivered("b")
    with pytest.raises(BoshError, match="given no blobstore"):
        await blobs.get(Source(DIGEST, "b"))
    with pytest.raises(BoshError, match="cannot use blob id"):
        blobs.keep_delivered("../x", CONTENT)


async def test_neither_id_nor_address(paths: Paths, clock: FakeClock) -> None:
    with pytest.raises(BoshError, match="neither id nor signed address"):
        await Blobs(NoStore(), "", paths, clock, SeededIds()).get(Source(DIGEST))


async def test_external_stores_are_programs(tmp_path: Path) -> None:
    commands = FakeCommands()
    program = tmp_path / "bosh-blobstore-s3"
    program.touch(mode=0o755)
    store = build({"provider": "s3", "options": {"bucket": "b"}}, commands, tmp_path)
    assert isinstance(store, ExternalStore)
    await store.get("id", tmp_path / "out")
    assert [commands.ran[0][0], *commands.ran[0][3:]] == [str(program), "get", "id", str(tmp_path / "out")]
    with pytest.raises(BoshError, match="bosh-blobstore-gcs is not installed"):
        await build({"provider": "gcs"}, commands, tmp_path).get("id", tmp_path / "out")


def test_which_store() -> None:
    commands = FakeCommands()
    assert isinstance(build({"provider": "local", "options": {}}, commands, Path()), LocalStore)
    assert isinstance(build({"provider": "dav", "options": {}}, commands, Path()), DavStore)
    assert isinstance(build({}, commands, Path()), NoStore)
