"""Archives that are damaged, dangerous or not what they were said to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bosh.testing import archives
from bosh.testing.archives import Job
from bosh.testing.daemon import task_of

from .conftest import Site

SERVER = Job("server", {"config/config.json": "{}"}, {"packages": ["server"]})


def files(**packages: list[str]) -> dict[str, bytes]:
    return archives.release_files("evil", "1", jobs=[SERVER], packages=packages or {"server": []})


def whole() -> bytes:
    return archives.tar(files())


def cyclic() -> bytes:
    return archives.tar(files(server=["a"], a=["b"], b=["server"]))


def missing_dependency() -> bytes:
    return archives.tar(files(server=["nobody"]))


def changed_package() -> bytes:
    return archives.tar({**files(), "packages/server.tgz": archives.tar({"packaging": b"something else"})})


def without_job() -> bytes:
    return archives.tar({name: content for name, content in files().items() if name != "jobs/server.tgz"})


def bad_version() -> bytes:
    content = yaml.safe_load(files()["release.MF"])
    return archives.tar({**files(), "release.MF": yaml.safe_dump({**content, "version": "1 2"}).encode()})


RELEASES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "not an archive": (lambda: b"this is no archive", 30002, "Extracting release archive failed"),
    "empty": (lambda: b"", 30002, "Extracting release archive failed"),
    "truncated": (lambda: whole()[: len(whole()) // 2], 30002, "Extracting release archive failed"),
    "corrupt": (lambda: whole()[:200] + b"\xff" * 50 + whole()[250:], 30002, "Extracting release archive failed"),
    "path traversal": (lambda: archives.tar({**files(), "../../outside": b"x"}), 30002, "outside"),
    "absolute path": (lambda: archives.tar({**files(), "/tmp/outside-of-it": b"x"}), 30002, "outside"),
    "without release.MF": (lambda: archives.tar({"jobs/a.tgz": b""}), 30003, "Release manifest not found"),
    "cyclic packages": (cyclic, 30012, "server=>a=>b=>server"),
    "unknown package": (missing_dependency, 30012, "nobody"),
    "changed package": (changed_package, 30015, "package 'server/"),
    "without a job": (without_job, 80000, "jobs/server.tgz"),
    "bad version": (bad_version, 40005, '"1 2"'),
}


@pytest.mark.parametrize("what", RELEASES)
def test_a_release_is_refused(site: Site, tmp_path: Path, what: str) -> None:
    make, code, part = RELEASES[what]
    archive = tmp_path / "release.tgz"
    archive.write_bytes(make())
    with site.unchanged():
        given, message = site.error_of(site.director.upload("/releases", archive))
    assert (given, part in message) == (code, True), message
    assert not Path("/tmp/outside-of-it").exists()
    assert not list(site.director.folder.rglob("outside*"))


def test_a_release_with_another_digest(site: Site, tmp_path: Path) -> None:
    archive = archives.release(tmp_path, "evil", jobs=[SERVER], packages={"server": []})
    body = {"location": archive.as_uri(), "sha1": archives.sha256(b"another")}
    with site.director.client() as client, site.unchanged():
        code, message = site.error_of(task_of(client.post("/releases", json=body)))
    assert code == 30015
    assert archives.sha256(b"another") in message
    assert archives.sha256(archive.read_bytes()) in message


def test_a_location_that_is_not_there(site: Site, tmp_path: Path) -> None:
    body = {"location": (tmp_path / "nowhere.tgz").as_uri()}
    with site.director.client() as client, site.unchanged():
        code, message = site.error_of(task_of(client.post("/releases", json=body)))
    assert code == 100002
    assert "nowhere.tgz" in message


STEMCELLS: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "not an archive": (lambda: b"this is no archive", 50000, "as a stemcell"),
    "truncated": (lambda: archives.tar(archives.stemcell_files("2"))[:-40], 50000, "as a stemcell"),
    "without an image": (
        lambda: archives.tar({"stemcell.MF": archives.stemcell_files("2")["stemcell.MF"]}),
        50001,
        "image",
    ),
    "another image": (
        lambda: archives.tar({**archives.stemcell_files("2"), "image": b"other"}),
        50000,
        "stemcell.MF names sha256:",
    ),
    "path traversal": (lambda: archives.tar({**archives.stemcell_files("2"), "../outside": b"x"}), 50000, "outside"),
    "for another cloud": (
        lambda: archives.tar(archives.stemcell_files("2", stemcell_formats=["aws-raw"])),
        50008,
        "aws-raw",
    ),
}


@pytest.mark.parametrize("what", STEMCELLS)
def test_a_stemcell_is_refused(site: Site, tmp_path: Path, what: str) -> None:
    make, code, part = STEMCELLS[what]
    archive = tmp_path / "stemcell.tgz"
    archive.write_bytes(make())
    # That a stemcell was offered is remembered, as it need not be offered again.
    with site.unchanged(but=["stemcell_uploads"]):
        given, message = site.error_of(site.director.upload("/stemcells", archive))
    assert (given, part in message) == (code, True), message
