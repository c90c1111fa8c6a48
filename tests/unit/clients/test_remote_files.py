from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bosh.clients.remote_files import download
from bosh.system.clock import FakeClock
from bosh.wire.errors import NotEnoughDiskSpace, ResourceNotFound, SystemFailure


async def fetch(target: Path, *replies: httpx.Response, url: str = "https://u:p@host/f?k=v", limit: int = 100) -> None:
    left = list(replies)
    transport = httpx.MockTransport(lambda _request: left.pop(0))
    await download(url, target, clock=FakeClock(), max_bytes=limit, transport=transport)


async def test_redirects_are_followed_and_faults_tried_again(tmp_path: Path) -> None:
    moved = httpx.Response(302, headers={"location": "https://elsewhere/f"})
    await fetch(tmp_path / "f", httpx.Response(503), moved, httpx.Response(200, content=b"content"))
    assert (tmp_path / "f").read_bytes() == b"content"


async def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResourceNotFound) as caught:
        await fetch(tmp_path / "f", httpx.Response(404))
    assert caught.value.brief == "cannot download https://host/f"


async def test_too_long(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDiskSpace):
        await fetch(tmp_path / "f", httpx.Response(200, content=b"x" * 101))


async def test_a_server_that_stays_broken(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure):
        await fetch(tmp_path / "f", *(httpx.Response(500) for _ in range(3)))


async def test_files_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("content")
    await fetch(tmp_path / "f", url=f"file://{tmp_path}/a%20b")
    assert (tmp_path / "f").read_text() == "content"
    with pytest.raises(ResourceNotFound):
        await fetch(tmp_path / "f", url=f"file://{tmp_path}/none")


async def test_other_schemes(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure):
        await fetch(tmp_path / "f", url="ftp://host/f")
