"""The blobstore over HTTP: who may do what, and that nothing but blobs is ever touched."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import httpx
import pytest

from bosh.clients.blobstore import LocalBlobstore, blob_path
from bosh.director import blob_service
from bosh.director.config import BlobstoreConfig
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds

CONFIG = BlobstoreConfig(
    address="blobs", agent_password="agent-pw", director_password="director-pw", secret="s", enable_signed_urls=True
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(tmp_path: Path, clock: FakeClock) -> httpx.AsyncClient:
    return connected(tmp_path, CONFIG, clock, ("agent", "agent-pw"))


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def leave_part(path: Path) -> None:
    path.write_bytes(b"part")


def connected(root: Path, config: BlobstoreConfig, clock: FakeClock, auth: Any) -> httpx.AsyncClient:
    service = blob_service.BlobService(root, config, clock, SeededIds())
    return httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="https://blobs", auth=auth)


@pytest.mark.parametrize("path", ["/b-1", "/38/b-1"])
async def test_a_blob_comes_and_goes(client: httpx.AsyncClient, tmp_path: Path, path: str) -> None:
    proper = f"/{blob_path(tmp_path, 'b-1').parent.name}/b-1" if "/38" in path else path
    assert (await client.get(proper)).status_code == 404
    assert (await client.put(proper, content=b"x" * 3_000_000)).status_code == 201
    assert (await client.put(proper, content=b"y")).status_code == 204
    head = await client.head(proper)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "1", b"")
    assert (await client.get(proper)).content == b"y"
    assert (await client.delete(proper)).status_code == 204
    assert (await client.delete(proper)).status_code == 404
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/..",
        "/%2e%2e/etc/passwd",
        "/00/b-1",
        "/a/b/c",
        "/.hidden",
        "/b%00",
        "/incoming/x",
        "/-x",
        "/x%2fy",
    ],
)
async def test_strange_paths_are_no_blobs(client: httpx.AsyncClient, tmp_path: Path, path: str) -> None:
    request = client.build_request("PUT", "https://blobs/x", content=b"x")
    request.url = httpx.URL(scheme="https", host="blobs", raw_path=path.encode())
    reply = await client.send(request)
    assert reply.status_code == 404
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        (("agent", "agent-pw"), 404),
        (("director", "director-pw"), 404),
        (("agent", "director-pw"), 401),
        (("agent", ""), 401),
        (None, 401),
    ],
)
async def test_who_gets_in(tmp_path: Path, clock: FakeClock, auth: Any, status: int) -> None:
    reply = await connected(tmp_path, CONFIG, clock, auth).get("/b-1")
    assert reply.status_code == status


async def test_no_password_lets_nobody_in(tmp_path: Path, clock: FakeClock) -> None:
    assert (await connected(tmp_path, BlobstoreConfig(), clock, ("agent", "")).get("/b-1")).status_code == 401


async def test_signed_urls_open_one_blob_for_one_verb_and_one_day(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalBlobstore(tmp_path, config=CONFIG, ca="", ids=SeededIds(), clock=clock)
    anybody = connected(tmp_path, CONFIG, clock, None)
    put, get = store.signed_put_url("b-1"), store.signed_get_url("b-1")
    assert (await anybody.put(put, content=b"x")).status_code == 201
    assert (await anybody.get(get)).content == b"x"
    assert (await anybody.head(get)).status_code == 200
    assert (await anybody.get(put)).status_code == 403
    assert (await anybody.delete(get)).status_code == 403
    other = blob_service.relative_path("b-2")
    assert (await anybody.get(get.replace(blob_service.relative_path("b-1"), other))).status_code == 403
    clock.advance_s(24 * 3600 + 1)
    assert (await anybody.get(get)).status_code == 403
    fresh = store.signed_get_url("b-1")
    unsigned = BlobstoreConfig(agent_password="p", secret="s")
    assert (await connected(tmp_path, unsigned, clock, None).get(fresh)).status_code == 403


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EIO, 500)])
async def test_a_write_that_fails_leaves_nothing(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    async def failing(_request: Any, path: Path) -> None:
        leave_part(path)
        raise OSError(number, "no")

    monkeypatch.setattr(blob_service, "_store", failing)
    assert (await client.put("/b-1", content=b"x")).status_code == status
    assert files(tmp_path) == []


async def test_other_methods(client: httpx.AsyncClient) -> None:
    assert (await client.request("PROPFIND", "/b-1")).status_code == 405
