"""Blobs outside git."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bosh.release import blobstore
from bosh.release.config import ReleaseConfig
from bosh.release.directory import ReleaseDir
from bosh.system.ids import SeededIds
from bosh.wire import digest
from bosh.wire.errors import BoshError


def test_a_blob_is_tracked_uploaded_fetched_and_removed(release: ReleaseDir, tmp_path: Path) -> None:
    (tmp_path / "go.tgz").write_bytes(b"go")
    added = release.blobs.add(tmp_path / "go.tgz", "go/go.tgz")
    assert (added.size, added.sha1, added.blobstore_id) == (2, digest.of_bytes(b"go"), "")
    uploaded = release.blobs.upload()
    assert (tmp_path / "store" / uploaded[0].blobstore_id).read_bytes() == b"go"
    assert release.blobs.upload() == ()
    (release.path / "blobs/go/go.tgz").write_bytes(b"damaged")
    (release.path / "blobs/unknown").write_bytes(b"x")
    release.blobs.sync()
    assert (release.path / "blobs/go/go.tgz").read_bytes() == b"go"
    assert not (release.path / "blobs/unknown").exists()
    release.blobs.remove("go/go.tgz")
    assert release.blobs.blobs() == ()
    assert (release.path / "config/blobs.yml").read_text() == "{}\n"


def test_a_blob_of_other_content_is_not_put_in_place(release: ReleaseDir, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    release.blobs.add(tmp_path / "x", "x")
    blob_id = release.blobs.upload()[0].blobstore_id
    (release.path / "blobs/x").unlink()
    (tmp_path / "store" / blob_id).write_bytes(b"y")
    with pytest.raises(BoshError, match=f"Getting blob '{blob_id}' for path 'x'"):
        release.blobs.sync()
    assert list((release.path / "blobs").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/x", "", ".", "a/../../x"])
def test_a_path_outside_is_refused(release: ReleaseDir, tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(BoshError, match="must be a safe local path"):
        release.blobs.add(tmp_path / "x", path)
    (release.path / "config/blobs.yml").write_text(f"'{path}': {{size: 1, sha: s}}\n")
    with pytest.raises(BoshError, match="must be a safe local path"):
        release.blobs.sync()


def test_links_left_by_the_first_cli_are_not_touched(release: ReleaseDir) -> None:
    (release.path / "blobs").mkdir()
    (release.path / "blobs/link").symlink_to("/etc/hostname")
    with pytest.raises(BoshError, match="symlinks found in blobs directory"):
        release.blobs.sync()


@pytest.mark.slow
def test_a_public_bucket_is_read(tmp_path: Path) -> None:
    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/bucket/folder/good"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"content" if found else b"")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Bucket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        options = {
            "bucket_name": "bucket",
            "folder_name": "folder",
            "host": "127.0.0.1",
            "port": server.server_port,
            "use_ssl": False,
        }
        store = blobstore.of(ReleaseConfig(tmp_path, provider="s3", options=options), tmp_path, SeededIds())
        blobstore.fetch(store, "good", digest.of_bytes(b"content"), tmp_path / "deep/target")
        assert (tmp_path / "deep/target").read_bytes() == b"content"
        with pytest.raises(BoshError, match="cannot download"):
            blobstore.fetch(store, "bad", digest.of_bytes(b"content"), tmp_path / "target")
        with pytest.raises(BoshError, match="cannot upload"):
            store.create(tmp_path / "deep/target")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not (tmp_path / "target").exists()


def test_a_blobstore_that_is_not_configured_says_so_when_needed(tmp_path: Path) -> None:
    store = blobstore.of(ReleaseConfig(tmp_path / "config/final.yml"), tmp_path, SeededIds())
    with pytest.raises(BoshError, match="cannot fetch blob 'x'"):
        store.get("x", tmp_path / "t")
