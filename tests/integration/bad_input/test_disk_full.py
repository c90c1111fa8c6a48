"""The director's disk is full: uploads are refused, and it goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing import archives
from bosh.testing.archives import Job
from bosh.wire.errors import NotEnoughDiskSpace

from .conftest import Site, needs_root, running_site

SIZE_MB = 24
NO_SPACE = NotEnoughDiskSpace.code


@pytest.fixture
def small_site(tmp_path: Path) -> Iterator[Site]:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(state)], check=True)
    try:
        with running_site(tmp_path) as site:
            yield site
    finally:
        subprocess.run(["umount", str(state)], check=True)


def big_release(folder: Path, megabytes: int) -> Path:
    """Its packages do not compress."""
    job = Job("server", {"config/file": "x"}, {"packages": ["big"]})
    files = archives.release_files("big", "1", jobs=[job], packages={"big": []})
    package = archives.tar({"packaging": b"", "data": os.urandom(megabytes << 20)})
    manifest = files["release.MF"].replace(
        archives.sha256(files["packages/big.tgz"]).encode(), archives.sha256(package).encode()
    )
    path = folder / "big.tgz"
    path.write_bytes(archives.tar({**files, "release.MF": manifest, "packages/big.tgz": package}))
    return path


@needs_root
def test_an_upload_larger_than_the_disk(small_site: Site, tmp_path: Path) -> None:
    """The body itself does not fit: the request is refused and there is no task."""
    site, body = small_site, big_release(tmp_path, SIZE_MB + 4).read_bytes()
    with site.director.client() as client, site.unchanged():
        reply = client.post("/releases", content=body, headers={"Content-Type": "application/x-compressed"})
        assert reply.json()["code"] == NO_SPACE
        assert "cannot store the upload" in reply.json()["description"]
        assert "No space left" in reply.json()["description"]
        assert client.get("/tasks").json() == []
    site.upload("/releases", big_release(tmp_path, 1))


@needs_root
@pytest.mark.parametrize("megabytes", [9, 12])
def test_an_upload_that_does_not_fit_unpacked(small_site: Site, tmp_path: Path, megabytes: int) -> None:
    """The body fits; what is in it, or its blobs, do not. The task says so and takes everything back."""
    site = small_site
    with site.unchanged():
        code, message = site.error_of(site.director.upload("/releases", big_release(tmp_path, megabytes)))
    assert code == NO_SPACE
    assert "No space left" in message
    assert "Free space" in message
    site.upload("/releases", big_release(tmp_path, 1))


@needs_root
def test_a_stemcell_that_does_not_fit(small_site: Site, tmp_path: Path) -> None:
    site = small_site
    archive = archives.stemcell(tmp_path, image=os.urandom(14 << 20))
    with site.unchanged():
        code, message = site.error_of(site.director.upload("/stemcells", archive))
    assert code == NO_SPACE
    assert "No space left" in message
    site.upload("/stemcells", archives.stemcell(tmp_path))
