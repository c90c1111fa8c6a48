from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from bosh.clients import blobstore
from bosh.clients.blobstore import LocalBlobstore
from bosh.director.config import BlobstoreConfig
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.wire.digest import of_bytes
from bosh.wire.errors import NotEnoughDiskSpace, ResourceNotFound

CONFIG = BlobstoreConfig(address="10.0.0.6", agent_password="agent-password", secret="key")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def blobs(tmp_path: Path, clock: FakeClock) -> LocalBlobstore:
    return LocalBlobstore(tmp_path / "blobs", config=CONFIG, ca="CA", ids=SeededIds(), clock=clock)


async def test_bytes_come_back_and_lie_where_the_dav_client_looks(blobs: LocalBlobstore, tmp_path: Path) -> None:
    ref = await blobs.put_bytes(b"content", "fake-blob-id")
    assert ref.sha1 == of_bytes(b"content")
    assert await blobs.get_bytes("fake-blob-id") == b"content"
    # sha1("fake-blob-id") begins with 80
    assert (tmp_path / "blobs" / "80" / "fake-blob-id").read_bytes() == b"content"


async def test_files_come_back(blobs: LocalBlobstore, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    content = b"x" * (3 << 20)
    source.write_bytes(content)
    ref = await blobs.put_file(source)
    await blobs.get_file(ref.id, target)
    assert target.read_bytes() == content
    assert ref.sha1 == of_bytes(content)
    assert not list((tmp_path / "blobs" / "incoming").iterdir())


async def test_large_bytes_are_stored_too(blobs: LocalBlobstore) -> None:
    content = b"y" * (1 << 20)
    assert await blobs.get_bytes((await blobs.put_bytes(content)).id) == content


async def test_deleting_twice_is_no_error(blobs: LocalBlobstore) -> None:
    ref = await blobs.put_bytes(b"x")
    await blobs.delete(ref.id)
    await blobs.delete(ref.id)
    assert not await blobs.exists(ref.id)
    with pytest.raises(ResourceNotFound):
        await blobs.get_bytes(ref.id)


@pytest.mark.parametrize("blob_id", ["../etc/passwd", "/etc/passwd", "", ".hidden", "a/b", "a\nb"])
async def test_an_id_cannot_leave_the_directory(blobs: LocalBlobstore, blob_id: str) -> None:
    with pytest.raises(ResourceNotFound):
        await blobs.get_bytes(blob_id)


async def test_a_full_disk_leaves_nothing_behind(
    blobs: LocalBlobstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NotEnoughDiskSpace):
        await blobs.put_bytes(b"x", "blob")
    assert not await blobs.exists("blob")


def test_agents_get_the_dav_options(blobs: LocalBlobstore) -> None:
    assert blobs.agent_options() == {
        "provider": "dav",
        "options": {
            "endpoint": "https://10.0.0.6:25250",
            "user": "agent",
            "password": "agent-password",
            "tls": {"cert": {"ca": "CA"}},
        },
    }


def test_signature_is_that_of_the_dav_client() -> None:
    # Go: base64.URLEncoding without padding of HMAC-SHA256 over verb, path, time and life (signer.go: generateSignature)
    signature = blobstore.url_signature(
        "a secret", verb="get", path="80/fake-blob-id", signed_at_s=1566817860, life_s=900
    )
    assert signature == "aoAlim5sK43MVI1ZJW5IHlZqa9kr5Hg3gnmMC3fqlRE"


def test_a_signed_url_works_for_its_verb_path_and_time_only(blobs: LocalBlobstore, clock: FakeClock) -> None:
    parts = urlsplit(blobs.signed_get_url("fake-blob-id"))
    assert parts.path == "/signed/80/fake-blob-id"
    query = dict(parse_qsl(parts.query))

    def holds(verb: str = "GET", path: str = "80/fake-blob-id", secret: str = "key", hours: int = 0) -> bool:
        now = clock.now() + timedelta(hours=hours)
        return blobstore.signature_holds(secret, query, verb=verb, path=path, now=now)

    assert holds()
    assert not holds(verb="PUT")
    assert not holds(path="80/other")
    assert not holds(secret="")
    assert not holds(hours=25)
    assert not blobstore.signature_holds("key", {"st": "x"}, verb="GET", path="p", now=clock.now())
