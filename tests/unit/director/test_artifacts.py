"""Bodies that store and delete releases and stemcells, over a store in memory and a blobstore in a directory."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from bosh.clients.blobstore import LocalBlobstore
from bosh.director.config import BlobstoreConfig
from bosh.director.tasks import delete_artifacts, delete_release, delete_stemcell, update_release, update_stemcell
from bosh.director.tasks.contract import TaskContext
from bosh.director.tasks.control import Stop, TaskControl
from bosh.director.tasks.log import FileTaskLog
from bosh.state import records
from bosh.state.sql import SqlStore
from bosh.system.clock import FakeClock
from bosh.system.ids import SeededIds
from bosh.testing import memory_store
from bosh.wire.errors import (
    CloudError,
    NotEnoughDiskSpace,
    ReleaseExistingJobFingerprintMismatch,
    ReleaseInUse,
    ReleaseInvalidPackage,
    ReleaseVersionCommitHashMismatch,
    ReleaseVersionInUse,
    StemcellInUse,
    StemcellNotSupported,
    TaskCancelled,
)


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    # Without the time of day: a job made again a second later must be the same job.
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


def entry(name: str, content: bytes, fingerprint: str, **more: Any) -> dict[str, Any]:
    sha1 = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"name": name, "version": fingerprint, "fingerprint": fingerprint, "sha1": sha1} | more


def release(
    *, name: str = "r", version: str = "1", commit: str = "abc", job: str = "j1", package: str = "p1", leave_out: bool = False,
    stemcell: str = "",
) -> bytes:  # fmt: skip
    """One job, one package with one dependency; the fingerprints are given."""
    spec = {"name": "web", "templates": {}, "packages": ["app"], "properties": {}}
    job_tgz = tar({"job.MF": yaml.safe_dump(spec).encode(), "monit": job.encode()})
    packages = {each: tar({"packaging": f"{each} {package}".encode()}) for each in ("app", "lib")}
    compiled = {"stemcell": stemcell} if stemcell else {}
    entries = [
        entry(each, content, f"{each}-{package}", dependencies=["lib"] if each == "app" else [], **compiled)
        for each, content in packages.items()
    ]
    section = "compiled_packages" if stemcell else "packages"
    manifest = {
        "name": name,
        "version": version,
        "commit_hash": commit,
        "uncommitted_changes": False,
        "jobs": [entry("web", job_tgz, job, packages=["app"])],
        section: entries,
    }
    files = {"release.MF": yaml.safe_dump(manifest).encode(), "jobs/web.tgz": job_tgz}
    if not leave_out:
        files |= {f"{section}/{each}.tgz": content for each, content in packages.items()}
    return tar(files)


def stemcell(formats: list[str]) -> bytes:
    manifest = {
        "name": "warden",
        "version": "1.2",
        "sha1": hashlib.sha1(b"image").hexdigest(),
        "operating_system": "noble",
        "stemcell_formats": formats,
        "cloud_properties": {"a": 1},
    }
    return tar({"stemcell.MF": yaml.safe_dump(manifest).encode(), "image": b"image"})


class Cloud:
    """Remembers its stemcells; fails when told."""

    def __init__(self, formats: list[str]) -> None:
        self.formats = formats
        self.calls: list[tuple[Any, ...]] = []
        self.failure: CloudError | None = None

    async def call(self, method: str, *arguments: Any) -> Any:
        if method == "info":
            return {"stemcell_formats": self.formats}
        self.calls.append((method, *arguments))
        if self.failure is not None:
            raise self.failure
        return f"sc-{len(self.calls)}"


class House:
    """What a body lives in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: SqlStore = memory_store()
        self.clock = FakeClock()
        self.ids = SeededIds()
        self.blobs: Any = LocalBlobstore(
            folder / "blobs", config=BlobstoreConfig(), ca="", ids=self.ids, clock=self.clock
        )
        self.clouds = {"": Cloud(["general-tar"])}
        self.stop = Stop()

    async def run(self, body: Any, **arguments: Any) -> str:
        task = self.store.tasks.insert(
            records.Task("x", "processing", "", "admin", self.clock.now(), arguments=arguments)
        )
        work = self.folder / f"work-{task.id}"
        work.mkdir()
        log = FileTaskLog(task.id, self.folder / f"task-{task.id}", self.store, self.clock)

        async def sync() -> None:
            return

        control = TaskControl(
            task, self.store, self.clock, self.ids, stop=self.stop, sync_bus=sync, record_events=False
        )
        config: Any = SimpleNamespace(max_upload_bytes=10**6)
        cpis: Any = SimpleNamespace(named=self.clouds.__getitem__)
        agents: Any = None
        context = TaskContext(
            task, config, "uuid", self.store, self.blobs, agents, cpis, log, self.clock, self.ids, work, control
        )
        try:
            result: str = await body.run(context)
            return result
        finally:
            log.close()
            shutil.rmtree(work)

    async def upload(self, content: bytes, body: Any = update_release, **options: Any) -> str:
        path = self.folder / "upload"
        path.write_bytes(content)
        defaults = {"path": str(path), "location": "", "sha1": "", "rebase": False, "fix": False}
        try:
            return await self.run(body, **(defaults | options))
        finally:
            assert not path.exists()

    def blob_ids(self) -> set[str]:
        return {path.name for path in (self.folder / "blobs").glob("??/*")}

    def used_blobs(self) -> set[str]:
        rows = [*self.store.packages.list(), *self.store.job_templates.list(), *self.store.compiled_packages.list()]
        return {row.blobstore_id for row in rows if row.blobstore_id}

    def stages(self, task_id: int) -> list[str]:
        import json

        lines = [json.loads(line) for line in self.store.task_output(task_id, "event").splitlines()]
        return list(dict.fromkeys(line["stage"] for line in lines))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    # Whatever a test did: no blob without an owner, no owner without its blob, nothing half-written.
    assert house.blob_ids() == house.used_blobs()
    assert house.store.blobs.count() == 0
    assert house.store.locks.count() == 0
    house.store.close()


async def test_a_release_is_stored_as_a_whole(house: House) -> None:
    assert await house.upload(release()) == "Created release 'r/1'"
    assert len(house.blob_ids()) == 3
    (job,) = house.store.job_templates.list()
    assert (job.release, job.release_version, job.name, job.spec["packages"]) == ("r", "1", "web", ["app"])
    assert {row.name: row.dependencies for row in house.store.packages.list()} == {"app": ["lib"], "lib": []}
    assert house.stages(1) == [
        "Extracting release",
        "Verifying manifest",
        "Resolving package dependencies",
        "Creating new packages",
        "Creating new jobs",
        "Release has been created",
    ]


async def test_the_same_content_is_kept_once(house: House) -> None:
    await house.upload(release())
    blobs = house.blob_ids()
    await house.upload(release())
    await house.upload(release(version="2"))
    await house.upload(release(name="other"))
    assert house.blob_ids() == blobs
    assert house.store.packages.count() == 6
    assert "Processing 2 existing packages" in house.stages(2)


async def test_what_the_director_has_may_be_left_out(house: House) -> None:
    await house.upload(release())
    await house.upload(release(version="2", leave_out=True))
    with pytest.raises(ReleaseInvalidPackage, match="--fix"):
        await house.upload(release(version="3", package="p2", leave_out=True))
    assert house.store.release_versions.count() == 2


async def test_fix_replaces_every_blob_and_drops_what_was_compiled_from_it(house: House) -> None:
    await house.upload(release())
    await house.upload(release(version="2"))
    before = house.blob_ids()
    compiled = await house.blobs.put_bytes(b"compiled")
    house.store.compiled_packages.insert(records.CompiledPackage("app", "app-p1", "[]", "noble", "1", "s", compiled.id))
    await house.upload(release(), fix=True)
    assert house.blob_ids().isdisjoint(before)
    assert len(house.blob_ids()) == 3
    assert house.store.compiled_packages.count() == 0


async def test_a_compiled_release_and_later_its_source(house: House) -> None:
    await house.upload(release(stemcell="noble/1.2"))
    assert [row.blobstore_id for row in house.store.packages.list()] == ["", ""]
    app = house.store.compiled_packages.get(package_name="app")
    assert app is not None
    assert (app.dependency_key, app.stemcell_os, app.stemcell_version) == ('[["lib","lib-p1"]]', "noble", "1.2")
    blobs = house.blob_ids()
    await house.upload(release(stemcell="noble/1.2"))
    assert house.blob_ids() == blobs
    await house.upload(release())
    assert all(row.blobstore_id for row in house.store.packages.list())
    await house.upload(release(stemcell="noble/1.2"), fix=True)
    assert house.store.compiled_packages.count() == 2


async def test_rebasing_gives_the_next_version(house: House) -> None:
    for _ in range(2):
        await house.upload(release(version="1+dev.7"), rebase=True)
    assert [row.version for row in house.store.release_versions.list()] == ["1+dev.1", "1+dev.2"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"commit": "other"}, ReleaseVersionCommitHashMismatch),
        ({"job": "j2"}, ReleaseExistingJobFingerprintMismatch),
        ({"package": "p2"}, ReleaseInvalidPackage),
    ],
)
async def test_a_version_never_changes(house: House, changed: dict[str, str], error: type[Exception]) -> None:
    await house.upload(release())
    with pytest.raises(error):
        await house.upload(release(**changed))  # type: ignore[arg-type]


class _Full:
    """A blobstore whose disk is full after some files."""

    def __init__(self, inner: Any, room: int) -> None:
        self._inner = inner
        self._room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def put_file(self, path: Path, blob_id: str = "") -> Any:
        self._room -= 1
        if self._room < 0:
            raise NotEnoughDiskSpace("cannot store blob")
        return await self._inner.put_file(path, blob_id)


async def test_a_full_disk_leaves_nothing_behind(house: House) -> None:
    house.blobs = _Full(house.blobs, room=2)
    with pytest.raises(NotEnoughDiskSpace):
        await house.upload(release())
    assert house.store.releases.count() == house.store.packages.count() == 0


async def test_cancelling_leaves_nothing_behind(house: House) -> None:
    class Cancelling(_Full):
        async def put_file(self, path: Path, blob_id: str = "") -> Any:
            house.stop.request(TaskCancelled("Task 1 cancelled"))
            return await self._inner.put_file(path, blob_id)

    house.blobs = Cancelling(house.blobs, room=9)
    with pytest.raises(TaskCancelled):
        await house.upload(release())
    assert house.store.release_versions.count() == 0


async def test_a_blob_that_is_being_stored_while_cancelled_is_taken_back(house: House) -> None:
    class Slow(_Full):
        async def put_file(self, path: Path, blob_id: str = "") -> Any:
            asyncio.get_running_loop().call_soon(upload.cancel)
            await asyncio.sleep(0.01)
            return await self._inner.put_file(path, blob_id)

    house.blobs = Slow(house.blobs, room=9)
    upload = asyncio.create_task(house.upload(release()))
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert house.blob_ids() == set()


async def test_deleting_keeps_what_others_share(house: House) -> None:
    await house.upload(release())
    await house.upload(release(version="2"))
    await house.upload(release(version="3", job="j3", package="p3"))
    arguments = {"name": "r", "version": "", "force": False}
    assert await house.run(delete_release, **(arguments | {"version": "3"})) == "/release/r"
    assert len(house.blob_ids()) == 3
    await house.run(delete_release, **(arguments | {"version": "1"}))
    assert len(house.blob_ids()) == 3
    await house.run(delete_release, **arguments)
    assert (house.blob_ids(), house.store.releases.count()) == (set(), 0)


async def test_what_is_deployed_is_not_deleted(house: House) -> None:
    await house.upload(release())
    house.store.deployments.insert(records.Deployment("cf", releases=[{"name": "r", "version": "1"}]))
    for version, error in (("1", ReleaseVersionInUse), ("", ReleaseInUse)):
        with pytest.raises(error, match="cf"):
            await house.run(delete_release, name="r", version=version, force=False)


async def test_a_stemcell_goes_to_the_clouds_that_take_it(house: House) -> None:
    house.clouds = {"a": Cloud(["general-tar"]), "b": Cloud(["aws-raw"])}
    cpis = "cpis: [{name: a, type: x}, {name: b, type: x}]"
    house.store.configs.insert(records.Config("cpi", "default", cpis, house.clock.now()))
    house.store.configs.insert(records.Config("runtime", "default", "tags: {t: 1}", house.clock.now()))
    assert await house.upload(stemcell(["general-tar"]), update_stemcell) == "/stemcells/warden/1.2"
    (call,) = house.clouds["a"].calls
    assert (call[0], *call[2:]) == ("create_stemcell", {"a": 1}, {"tags": {"t": 1}})
    assert house.clouds["b"].calls == []
    (row,) = house.store.stemcells.list()
    assert (row.cpi, row.cid, row.os) == ("a", "sc-1", "noble")
    assert [each.cpi for each in house.store.stemcell_uploads.list()] == ["a", "b"]
    await house.upload(stemcell(["general-tar"]), update_stemcell)
    assert len(house.clouds["a"].calls) == 1
    await house.upload(stemcell(["general-tar"]), update_stemcell, fix=True)
    assert [row.cid for row in house.store.stemcells.list()] == ["sc-2"]


async def test_a_stemcell_that_nobody_takes(house: House) -> None:
    with pytest.raises(StemcellNotSupported, match="aws-raw"):
        await house.upload(stemcell(["aws-raw"]), update_stemcell)
    assert house.store.stemcells.count() == 0


async def test_deleting_a_stemcell(house: House) -> None:
    await house.upload(stemcell(["general-tar"]), update_stemcell)
    used = [{"name": "warden", "os": "noble", "version": "1.2"}]
    deployment = house.store.deployments.insert(records.Deployment("cf", stemcells=used))
    arguments = {"name": "warden", "version": "1.2", "force": False}
    with pytest.raises(StemcellInUse, match="cf"):
        await house.run(delete_stemcell, **arguments)
    house.store.deployments.delete(id=deployment.id)
    house.clouds[""].failure = CloudError("cannot delete")
    with pytest.raises(CloudError):
        await house.run(delete_stemcell, **arguments)
    assert house.store.stemcells.count() == 1
    assert await house.run(delete_stemcell, **(arguments | {"force": True})) == "/stemcells/warden/1.2"
    assert house.store.stemcells.count() == house.store.stemcell_uploads.count() == 0


async def test_clean_up(house: House) -> None:
    for version in ("1", "2", "3"):
        await house.upload(release(version=version, job=f"j{version}", package=f"p{version}"))
    now = house.clock.now()
    house.store.vms.insert(records.Vm("a", "i", "cf", "vm-1", orphaned_at=now))
    house.store.ips.insert(records.IpAddress("10.0.0.1", "default", "cf", agent_id="a"))
    house.store.disks.insert(records.Disk("k", "disk-1", "cf", "i", "g", 1, orphaned_at=now))
    left = await house.blobs.put_bytes(b"left over by an upload that died")
    house.store.blobs.insert(records.Blob(left.id, "", "uploading", now))
    house.clock.advance_s(1)
    some = await house.run(delete_artifacts, remove_all=False, keep_orphaned_disks=False)
    assert some == (
        "Deleted 1 release(s), 0 stemcell(s), 0 extra compiled package(s), 0 orphaned disk(s), 1 orphaned vm(s), "
        "0 exported release(s), 0 dns blob(s)"
    )
    assert house.store.vms.count() == house.store.ips.count() == 0
    everything = await house.run(delete_artifacts, remove_all=True, keep_orphaned_disks=False)
    assert everything.startswith("Deleted 2 release(s), 0 stemcell(s), 0 extra compiled package(s), 1 orphaned disk(s)")
    assert [call[:2] for call in house.clouds[""].calls] == [("delete_vm", "vm-1"), ("delete_disk", "disk-1")]


async def test_an_orphan_that_the_cloud_lost_is_forgotten(house: House) -> None:
    house.store.vms.insert(records.Vm("a", "i", "cf", "vm-1", orphaned_at=house.clock.now()))
    house.clouds[""].failure = CloudError("cannot delete vm", kind="Bosh::Clouds::VMNotFound")
    await house.run(delete_artifacts, remove_all=False, keep_orphaned_disks=False)
    assert house.store.vms.count() == 0


async def test_an_orphan_that_cannot_be_deleted_stays(house: House) -> None:
    house.store.vms.insert(records.Vm("a", "i", "cf", "vm-1", orphaned_at=house.clock.now()))
    house.clouds[""].failure = CloudError("cannot delete vm")
    with pytest.raises(CloudError):
        await house.run(delete_artifacts, remove_all=False, keep_orphaned_disks=False)
    assert house.store.vms.count() == 1
