"""Exporting releases: fake cloud, real bus, simulated agents that compile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bosh.director.leftovers import EXPORTED
from bosh.director.tasks.runner import Outcome
from bosh.release import archive
from bosh.release.archive import ReleaseArchive
from bosh.state import records
from bosh.wire import digest

from .conftest import Director, manifest, upload_release, upload_stemcell

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]


@pytest.fixture
async def deployed(director: Director) -> Director:
    assert (await director.deploy(manifest(1))).state == "done"
    director.fleet.calls.clear()
    return director


async def export(director: Director, **arguments: Any) -> Outcome:
    given = {
        "release_name": "web",
        "release_version": "1",
        "stemcell_os": "debian-12",
        "stemcell_version": "1.1",
        "sha2": False,
        "jobs": [],
    }
    return await director.task("export_release", "dep", **(given | arguments))


async def exported(director: Director, folder: Path) -> ReleaseArchive:
    """The archive that the last task made, read as an upload is."""
    result = json.loads(director.store.task_output(director.last_task(), "result"))
    tarball = folder / "export.tgz"
    await director.blobs.get_file(result["blobstore_id"], tarball)
    assert digest.file_matches(tarball, result["sha1"])
    (blob,) = director.store.blobs.list(blobstore_id=result["blobstore_id"])
    assert (blob.type, blob.sha1) == (EXPORTED, result["sha1"])
    work = folder / "unpacked"
    work.mkdir()
    return archive.read(tarball, work)


async def test_what_is_compiled_is_packed(deployed: Director, tmp_path: Path) -> None:
    outcome = await export(deployed)
    assert outcome.result == "Exported release: web/1 for debian-12/1.1", deployed.debug()[-3000:]
    assert deployed.methods() == []
    assert deployed.steps() == [
        "Preparing package compilation: Finding packages to compile",
        "copying packages: runtime/runtime-fp-1",
        "copying packages: server/server-fp-1",
        "copying jobs: client/client-fp-1",
        "copying jobs: server/server-fp-1",
    ]


async def test_the_archive_may_be_uploaded(deployed: Director, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The simulated agents' compiled packages are texts.
    monkeypatch.setattr(archive, "_check_package", lambda _path, _ref: None)
    await export(deployed)
    release = await exported(deployed, tmp_path)
    assert (release.name, release.version, release.is_compiled) == ("web", "1", True)
    assert [job.name for job in release.jobs] == ["client", "server"]
    packages = {one.name: one for one in release.packages}
    assert packages["server"].dependencies == ("runtime",)
    assert {(one.stemcell_os, one.stemcell_version) for one in release.packages} == {("debian-12", "1.1")}
    assert packages["server"].path is not None
    assert packages["server"].path.read_bytes() == b"compiled server server-fp-1.1"


async def test_what_is_missing_is_compiled_first(deployed: Director) -> None:
    upload_stemcell(deployed, "1.2")
    outcome = await export(deployed, stemcell_version="1.2")
    assert outcome.state == "done", deployed.debug()[-3000:]
    assert [step for step in deployed.steps() if step.startswith("Compiling")] == [
        "Compiling packages: runtime/runtime-fp-1",
        "Compiling packages: server/server-fp-1",
    ]
    assert len(deployed.vms()) == len(deployed.store.vms.list()) == 1
    deployed.fleet.calls.clear()
    await export(deployed, stemcell_version="1.2")
    assert deployed.methods() == []


async def test_some_jobs_only(deployed: Director, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await export(deployed, jobs=[{"name": "client"}, {"name": "unknown"}])
    assert [step for step in deployed.steps() if step.startswith("copying")] == ["copying jobs: client/client-fp-1"]
    await export(deployed, jobs=[{"name": "server"}])
    monkeypatch.setattr(archive, "_check_package", lambda _path, _ref: None)
    release = await exported(deployed, tmp_path)
    assert [job.name for job in release.jobs] == ["server"]


async def test_a_stronger_digest(deployed: Director) -> None:
    await export(deployed, sha2=True)
    assert json.loads(deployed.store.task_output(deployed.last_task(), "result"))["sha1"].startswith("sha256:")


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({"release_name": "x"}, "Release 'x' doesn't exist"),
        ({"release_version": "7"}, "Release version 'web/7' doesn't exist"),
        ({"release_version": "2"}, "Release version 'web/2' not found in deployment 'dep' manifest"),
        ({"stemcell_version": "9"}, "Stemcell version '9' for OS 'debian-12' doesn't exist"),
    ],
)
async def test_what_does_not_exist(deployed: Director, arguments: dict[str, str], result: str) -> None:
    await upload_release(deployed, "2")
    outcome = await export(deployed, **arguments)
    assert (outcome.state, outcome.result) == ("error", result)


async def test_a_package_without_source_needs_its_own_stemcell(deployed: Director) -> None:
    upload_stemcell(deployed, "1.2")
    deployed.store.packages.update_where({"name": "runtime"}, blobstore_id="", sha1="")
    outcome = await export(deployed, stemcell_version="1.2")
    assert outcome.state == "error"
    assert outcome.result.startswith("Can't export package 'runtime/runtime-fp-1'")
    assert deployed.store.blobs.count(type=EXPORTED) == 0


async def test_a_blob_that_is_not_what_it_was(deployed: Director) -> None:
    row = deployed.store.job_templates.get(name="client")
    assert isinstance(row, records.JobTemplate)
    await deployed.blobs.put_bytes(b"something else", row.blobstore_id)
    outcome = await export(deployed)
    assert outcome.state == "error"
    assert "does not have the digest" in outcome.result
