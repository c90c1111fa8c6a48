"""Releases, stemcells and what need not be uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from bosh.state import records

from .conftest import YAML

BINARY = {"Content-Type": "application/x-compressed"}


def content_of(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_a_body_is_streamed_to_a_file(api: Any, admin: httpx.AsyncClient) -> None:
    reply = await admin.post("/releases?rebase=true&fix=true", content=b"x" * 900, headers=BINARY)
    assert (reply.status_code, reply.headers["location"]) == (302, "/tasks/1")
    task = api.store.tasks.get(id=1)
    assert (task.type, task.description, task.arguments["rebase"]) == ("update_release", "create release", True)
    assert content_of(task.arguments["path"]) == b"x" * 900


async def test_a_body_that_is_too_large_leaves_nothing(api: Any, admin: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(3):
            yield b"x" * 400

    for content in (b"x" * 1001, pieces()):
        reply = await admin.post("/stemcells", content=content, headers=BINARY)
        assert reply.status_code == 413
    assert list(api.desk.places.uploads.iterdir()) == []
    assert api.store.tasks.count() == 0


async def test_a_full_disk_is_told(api: Any, admin: httpx.AsyncClient, monkeypatch: Any) -> None:
    import errno

    from bosh.director.api import uploads

    async def full(_call: Any, path: Any, _limit: int) -> None:
        path.write_bytes(b"part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "_store", full)
    reply = await admin.post("/releases", content=b"x", headers=BINARY)
    assert (reply.status_code, reply.json()["code"]) == (500, 500001)
    assert list(api.desk.places.uploads.iterdir()) == []


async def test_remote_files(api: Any, admin: httpx.AsyncClient) -> None:
    body = {"location": "https://x/y.tgz", "sha1": "abc"}
    assert (await admin.post("/releases", json=body)).status_code == 302
    assert (await admin.post("/stemcells?fix=true", json=body)).status_code == 302
    assert [(task.type, task.arguments["location"], task.arguments["sha1"]) for task in api.store.tasks.list()] == [
        ("update_release", "https://x/y.tgz", "abc"),
        ("update_stemcell", "https://x/y.tgz", "abc"),
    ]
    assert (await admin.post("/releases", json={})).json()["code"] == 40001
    assert (await admin.post("/releases?sha1=x", json=body)).text == "Sha1 provided in multiple places"


async def test_who_may_only_upload(api: Any) -> None:
    uploader = api.as_("uploader")
    assert (await uploader.post("/releases", json={"location": "https://x/y"})).status_code == 302
    assert (await uploader.get("/releases")).status_code == 401
    assert (await uploader.post("/stemcells", json={"location": "https://x/y"})).status_code == 401


async def test_releases(api: Any, admin: httpx.AsyncClient) -> None:
    store = api.store
    store.releases.insert(records.Release("r"))
    for version in ("10", "9", "2+dev.1"):
        store.release_versions.insert(records.ReleaseVersion("r", version, "abc"))
    spec = {"consumes": [{"name": "db", "type": "sql"}], "packages": ["go"]}
    store.job_templates.insert(records.JobTemplate("r", "10", "web", "fp", "sha", "blob", spec))
    store.packages.insert(records.Package("r", "10", "go", "pfp", "psha", "pblob"))
    store.compiled_packages.insert(records.CompiledPackage("go", "pfp", "[]", "noble", "1.2", "csha", "cblob"))
    store.deployments.insert(records.Deployment("cf", releases=[{"name": "r", "version": "9"}]))
    (release,) = (await admin.get("/releases")).json()
    versions = release["release_versions"]
    assert [(v["version"], v["currently_deployed"], v["job_names"]) for v in versions] == [
        ("2+dev.1", False, []),
        ("9", True, []),
        ("10", False, ["web"]),
    ]
    one = (await admin.get("/releases/r?version=10")).json()
    assert one["jobs"] == [
        {
            "name": "web",
            "blobstore_id": "blob",
            "sha1": "sha",
            "fingerprint": "fp",
            "consumes": spec["consumes"],
            "provides": [],
        }
    ]
    compiled = [{"stemcell": "noble/1.2", "sha1": "csha", "blobstore_id": "cblob"}]
    assert one["packages"][0]["compiled_packages"] == compiled
    assert (await admin.get("/releases/r?version=2.1-dev")).status_code == 200
    assert (await admin.get("/releases/r")).json()["versions"] == ["10", "9", "2+dev.1"]
    assert (await admin.get("/releases/r?version=5")).json()["code"] == 30006
    assert (await admin.get("/releases/x")).json()["code"] == 30005
    assert (await admin.delete("/releases/r?version=9&force=true")).status_code == 302
    assert store.tasks.get(id=1).arguments == {"name": "r", "version": "9", "force": True}


async def test_packages_that_are_here(api: Any, admin: httpx.AsyncClient) -> None:
    store = api.store
    store.packages.insert(records.Package("r", "1", "go", "here", "sha", "blob"))
    store.packages.insert(records.Package("r", "1", "ruby", "compiled-only"))
    manifest = (
        "packages: [{name: go, fingerprint: here}, {name: x, fingerprint: new}, {name: y, fingerprint: compiled-only}]"
    )
    assert (await admin.post("/packages/matches", content=manifest, headers=YAML)).json() == ["here"]
    store.compiled_packages.insert(records.CompiledPackage("a", "fa", '[["b","fb"]]', "noble", "1", "s", "x"))
    compiled = (
        "compiled_packages: [{name: a, fingerprint: fa, stemcell: noble/1, dependencies: [b]},"
        " {name: b, fingerprint: fb, stemcell: noble/1, dependencies: []}]"
    )
    assert (await admin.post("/packages/matches_compiled", content=compiled, headers=YAML)).json() == ["fa"]
    assert (await admin.post("/packages/matches", content="a: 1", headers=YAML)).json()["code"] == 440001


async def test_stemcells(api: Any, admin: httpx.AsyncClient) -> None:
    api.store.stemcells.insert(records.Stemcell("warden", "noble", "1.2", "sc-1"))
    used = [{"name": "warden", "os": "noble", "version": "1.2"}]
    api.store.deployments.insert(records.Deployment("cf", stemcells=used))
    assert (await admin.get("/stemcells")).json() == [
        {
            "name": "warden",
            "operating_system": "noble",
            "version": "1.2",
            "cid": "sc-1",
            "cpi": "",
            "deployments": [{"name": "cf"}],
            "api_version": 1,
            "id": 1,
        }
    ]
    assert (await admin.delete("/stemcells/warden/9")).json()["code"] == 50003
    assert (await admin.delete("/stemcells/warden/1.2")).status_code == 302


async def test_a_stemcell_is_needed_until_every_cpi_was_offered_it(api: Any, admin: httpx.AsyncClient) -> None:
    wanted = {"stemcell": {"name": "warden", "version": "1.2"}}

    async def needed() -> bool:
        return (await admin.post("/stemcell_uploads", json=wanted)).json()["needed"]

    assert await needed()
    api.store.stemcell_uploads.insert(records.StemcellUpload("warden", "1.2"))
    assert not await needed()
    cpis = "cpis: [{name: a, type: x, migrated_from: [{name: ''}]}, {name: b, type: x}]"
    api.store.configs.insert(records.Config("cpi", "default", cpis, api.clock.now()))
    assert await needed()
    api.store.stemcell_uploads.insert(records.StemcellUpload("warden", "1.2", "b"))
    assert not await needed()
    assert (await admin.post("/stemcell_uploads", json={})).json()["code"] == 40001


async def test_resources_are_blobs(api: Any, admin: httpx.AsyncClient) -> None:
    from bosh.clients.blobstore import blob_path

    path = blob_path(api.desk.places.root / "blobs", "b-1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    assert (await admin.get("/resources/b-1")).content == b"content"
    assert (await admin.get("/resources/b-2")).json()["code"] == 100002
    assert (await admin.get("/resources/..%2F..%2Fdirector.db")).status_code == 404


async def test_clean_up_shows_what_it_would_do(api: Any, admin: httpx.AsyncClient) -> None:
    store, now = api.store, api.clock.now()
    for version in ("1", "2", "3", "10"):
        store.release_versions.insert(records.ReleaseVersion("r", version))
        store.stemcells.insert(records.Stemcell("warden", "noble", version, f"sc-{version}"))
    store.deployments.insert(records.Deployment("cf", releases=[{"name": "r", "version": "1"}]))
    store.disks.insert(records.Disk("k", "disk-1", "cf", "u", "g", 1, orphaned_at=now))
    store.blobs.insert(records.Blob("exported", "s", "exported-release", now))
    store.compiled_packages.insert(records.CompiledPackage("p", "f", "[]", "noble", "1", "s", "b"))
    some = (await admin.get("/cleanup/dryrun")).json()
    assert some["releases"] == [{"name": "r", "versions": ["2"]}]
    assert sorted(each["version"] for each in some["stemcells"]) == ["1", "2"]
    assert (some["orphaned_disks"], some["compiled_packages"]) == ([], [])
    assert some["exported_releases"] == ["exported"]
    everything = (await admin.get("/cleanup/dryrun?remove_all=true")).json()
    assert everything["releases"] == [{"name": "r", "versions": ["2", "3", "10"]}]
    assert [each["disk_cid"] for each in everything["orphaned_disks"]] == ["disk-1"]
    assert len(everything["compiled_packages"]) == 1
    kept = (await admin.get("/cleanup/dryrun?remove_all=true&keep_orphaned_disks=true")).json()
    assert kept["orphaned_disks"] == []
