"""Uploads: a good release is read, every kind of bad one is refused with the original's code."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bosh.release import archive, create, tarball
from bosh.release.directory import ReleaseDir
from bosh.release.tarball import Entry
from bosh.wire import release_mf
from bosh.wire.errors import BoshError
from bosh.wire.release_mf import JobRef, PackageRef, ReleaseManifest

SPEC = b"name: web\ntemplates: {a.erb: bin/a}\npackages: [app]\n"
JOB = {"job.MF": SPEC, "monit": b"m", "templates/a.erb": b"A"}


def packed(folder: Path, files: Mapping[str, bytes]) -> bytes:
    tarball.write(folder / "part", [Entry(name, content) for name, content in files.items()])
    return (folder / "part").read_bytes()


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    """The files of a small good release but for its manifest."""
    return {"jobs/web.tgz": packed(tmp_path, JOB), "packages/app.tgz": packed(tmp_path, {"packaging": b"true"})}


def manifest_of(parts: Mapping[str, bytes]) -> ReleaseManifest:
    return ReleaseManifest(
        "demo",
        "1+dev.2",
        "abc",
        jobs=(JobRef("web", "j1", "j1", sha1(parts["jobs/web.tgz"]), ("app",)),),
        packages=(PackageRef("app", "p1", "p1", sha1(parts["packages/app.tgz"])),),
    )


def upload(tmp_path: Path, manifest: ReleaseManifest | None, parts: Mapping[str, bytes]) -> archive.ReleaseArchive:
    entries = [Entry("release.MF", release_mf.render(manifest).encode())] if manifest else []
    tarball.write(tmp_path / "release.tgz", [*entries, *(Entry(name, text) for name, text in parts.items())], prefix="")
    work = tmp_path / "work"
    work.mkdir()
    return archive.read(tmp_path / "release.tgz", work)


def test_a_good_release_is_read(tmp_path: Path, parts: dict[str, bytes]) -> None:
    read = upload(tmp_path, manifest_of(parts), parts)
    assert (read.name, read.version, read.commit_hash, read.is_compiled) == ("demo", "1+dev.2", "abc", False)
    assert read.jobs[0].spec["templates"] == {"a.erb": "bin/a"}
    assert read.jobs[0].path.read_bytes() == parts["jobs/web.tgz"]
    assert read.packages[0].path is not None


def test_what_create_release_makes_is_read(tmp_path: Path, release: ReleaseDir) -> None:
    create.create_release(release, tarball=tmp_path / "made.tgz")
    (tmp_path / "work").mkdir()
    read = archive.read(tmp_path / "made.tgz", tmp_path / "work")
    assert [package.dependencies for package in read.packages] == [("lib",), ()]


def test_a_package_the_director_has_may_be_missing(tmp_path: Path, parts: dict[str, bytes]) -> None:
    manifest = manifest_of(parts)
    del parts["packages/app.tgz"]
    assert upload(tmp_path, manifest, parts).packages[0].path is None


def test_a_compiled_release_names_its_stemcell(tmp_path: Path, parts: dict[str, bytes]) -> None:
    manifest = manifest_of(parts)
    compiled = tuple(replace(package, stemcell="ubuntu-jammy/1.199") for package in manifest.packages)
    parts["compiled_packages/app.tgz"] = parts.pop("packages/app.tgz")
    read = upload(tmp_path, replace(manifest, packages=(), compiled_packages=compiled), parts)
    assert read.is_compiled
    assert (read.packages[0].stemcell_os, read.packages[0].stemcell_version) == ("ubuntu-jammy", "1.199")


def test_an_old_dev_version_is_read_as_a_modern_one(tmp_path: Path, parts: dict[str, bytes]) -> None:
    assert upload(tmp_path, replace(manifest_of(parts), version="10.3-dev"), parts).version == "10+dev.3"


Change = Callable[[ReleaseManifest], ReleaseManifest]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: replace(m, version="1..2"), 30010),
        (lambda m: replace(m, name="a b"), 40005),
        (lambda m: replace(m, packages=(replace(m.packages[0], dependencies=("gone",)),)), 30012),
        (lambda m: replace(m, packages=(replace(m.packages[0], dependencies=("app",)),)), 30012),
        (lambda m: replace(m, packages=(replace(m.packages[0], sha1="0" * 40),)), 30015),
        (lambda m: replace(m, packages=(replace(m.packages[0], sha1="nonsense"),)), 40005),
        (lambda m: replace(m, jobs=(replace(m.jobs[0], sha1="sha256:" + "0" * 64),)), 30015),
        (lambda m: replace(m, jobs=(replace(m.jobs[0], name="other"),)), 80000),
        (lambda m: replace(m, packages=()), 80003),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, parts: dict[str, bytes], change: Change, code: int) -> None:
    with pytest.raises(BoshError) as caught:
        upload(tmp_path, change(manifest_of(parts)), parts)
    assert caught.value.code == code


def job_with(**changes: bytes | None) -> dict[str, bytes]:
    names = {"spec": "job.MF", "monit": "monit", "template": "templates/a.erb", "schema": "properties_schema.json"}
    files: dict[str, bytes | None] = {**JOB, **{names[key]: value for key, value in changes.items()}}
    return {name: content for name, content in files.items() if content is not None}


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (job_with(spec=None), 80001),
        (job_with(spec=b"["), 80000),
        (job_with(spec=b"name: other\n"), 80016),
        (job_with(template=None), 80002),
        (job_with(monit=None), 80004),
        (job_with(spec=SPEC + b"logs: []\n") | {"x": b""}, None),
        (job_with(spec=SPEC + b"logs: [a]\n"), 80005),
        (job_with(spec=SPEC + b"properties: [a]\n"), 80008),
        (job_with(spec=b"name: web\npackages: {a: b}\n"), 80012),
        (job_with(spec=SPEC + b"provides: x\n"), 80013),
        (job_with(spec=SPEC + b"provides: [x]\n"), 80013),
        (job_with(spec=SPEC + b"consumes: [{name: x}]\n"), 80013),
        (job_with(spec=SPEC + b"provides: [{name: x, type: t, optional: true}]\n"), 80013),
        (job_with(spec=SPEC + b"consumes: [{name: x, type: t}, {name: x, type: u}]\n"), 80014),
        (job_with(spec=b"name: web\ntemplates: {a.erb: ../../etc/x}\n"), 80000),
        (job_with(spec=b"name: web\ntemplates: {a.erb: }\n"), 80000),
        (job_with(schema=b"{"), 80008),
        (job_with(monit=None) | {"extra.monit": b"m"}, None),
    ],
)
def test_a_wrong_job_is_refused(
    tmp_path: Path, parts: dict[str, bytes], files: dict[str, bytes], code: int | None
) -> None:
    parts["jobs/web.tgz"] = packed(tmp_path, files)
    if code is None:
        assert upload(tmp_path, manifest_of(parts), parts).jobs[0].name == "web"
        return
    with pytest.raises(BoshError) as caught:
        upload(tmp_path, manifest_of(parts), parts)
    assert caught.value.code == code


@pytest.mark.parametrize(("name", "code"), [("jobs/web.tgz", 80000), ("packages/app.tgz", 60000)])
def test_a_broken_archive_inside_is_refused(tmp_path: Path, parts: dict[str, bytes], name: str, code: int) -> None:
    parts[name] = parts[name][:-20]
    with pytest.raises(BoshError) as caught:
        upload(tmp_path, manifest_of(parts), parts)
    assert caught.value.code == code


def test_a_release_without_manifest_is_refused(tmp_path: Path, parts: dict[str, bytes]) -> None:
    with pytest.raises(BoshError) as caught:
        upload(tmp_path, None, parts)
    assert (caught.value.code, caught.value.brief) == (30003, "Release manifest not found")


def test_a_truncated_upload_is_refused(tmp_path: Path, parts: dict[str, bytes]) -> None:
    upload(tmp_path, manifest_of(parts), parts)
    whole = (tmp_path / "release.tgz").read_bytes()
    for number, length in enumerate((0, 10, len(whole) // 2, len(whole) - 5)):
        (tmp_path / "cut.tgz").write_bytes(whole[:length])
        (tmp_path / f"work{number}").mkdir()
        with pytest.raises(BoshError) as caught:
            archive.read(tmp_path / "cut.tgz", tmp_path / f"work{number}")
        assert caught.value.code == 30002


@pytest.mark.parametrize("target", ["bin/a", "./bin/a", "/bin/a", "bin//a"])
def test_a_destination_is_below_the_job(tmp_path: Path, target: str) -> None:
    spec = f"name: web\ntemplates: {{a.erb: {target}}}\n".encode()
    assert archive.job_templates(packed(tmp_path, {**JOB, "job.MF": spec})).templates["a.erb"][0] == "bin/a"


def test_job_templates_are_a_value(tmp_path: Path) -> None:
    schema: dict[str, Any] = {"$schema": "x"}
    templates = archive.job_templates(packed(tmp_path, {**JOB, "properties_schema.json": b'{"$schema": "x"}'}), "fp")
    assert (templates.name, templates.fingerprint, templates.monit) == ("web", "fp", b"m")
    assert templates.templates == {"a.erb": ("bin/a", b"A")}
    assert templates.properties_schema == schema


@pytest.mark.slow
def test_no_damage_surprises(tmp_path: Path, parts: dict[str, bytes]) -> None:
    """Whatever bytes change, a release is read or refused with a code; nothing is written beside the work directory."""
    entries = [Entry("release.MF", release_mf.render(manifest_of(parts)).encode())]
    entries += [Entry(name, text) for name, text in parts.items()]
    tarball.write(tmp_path / "plain.tar", entries, compress=False, prefix="")
    whole = (tmp_path / "plain.tar").read_bytes()
    chance = random.Random(11)
    for number in range(300):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(whole))] = chance.choice([0, 0x2E, 0x2F, 0x35, 0xFF])
        (tmp_path / "damaged.tar").write_bytes(reckoned(damaged))
        work = tmp_path / "works" / str(number)
        work.mkdir(parents=True)
        with contextlib.suppress(BoshError):
            archive.read(tmp_path / "damaged.tar", work)
    assert sorted(path.name for path in (tmp_path / "works").iterdir()) == sorted(str(number) for number in range(300))
    assert {path.name for path in tmp_path.iterdir()} <= {"part", "plain.tar", "damaged.tar", "works"}


def reckoned(tar: bytearray) -> bytes:
    """The archive with its header checksums made right again, so that damage is not stopped by them."""
    for offset in range(0, len(tar) - 511, 512):
        if tar[offset + 257 : offset + 262] == b"ustar":
            tar[offset + 148 : offset + 156] = b" " * 8
            tar[offset + 148 : offset + 156] = b"%06o\0 " % sum(tar[offset : offset + 512])
    return bytes(tar)
