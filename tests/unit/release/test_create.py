"""Releases made from a directory."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bosh.release import built, create, generate, repack, tarball
from bosh.release.directory import ReleaseDir
from bosh.system.clock import FakeClock
from bosh.wire.errors import BoshError, ReleaseAlreadyExists, ReleaseInvalidPackage, ReleaseSha1DoesNotMatch
from bosh.wire.release_mf import ReleaseManifest


def again(release: ReleaseDir, cache: Path | None = None) -> ReleaseDir:
    """The directory as the next run sees it."""
    return ReleaseDir(release.path, cache=cache or release.path.parent / "cache")


def test_the_same_directory_gives_the_same_tarball_bytes(release: ReleaseDir, tmp_path: Path) -> None:
    create.create_release(release, version="1+dev.1", tarball=tmp_path / "a.tgz")
    generate.reset_release(release.path)
    create.create_release(again(release, cache=tmp_path / "other"), version="1+dev.1", tarball=tmp_path / "b.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == (tmp_path / "b.tgz").read_bytes()


def test_versions_count_up(release: ReleaseDir) -> None:
    assert [create.create_release(release).version for _ in range(2)] == ["0+dev.1", "0+dev.2"]
    assert create.create_release(release, final=True).version == "1"
    assert create.create_release(release).version == "1+dev.1"
    assert create.create_release(release, version="2.5", final=True).version == "2.5"
    assert create.create_release(release, final=True).version == "2.6"


def test_a_timestamp_is_the_number(release: ReleaseDir) -> None:
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=UTC))
    assert create.create_release(release, timestamp_version=True, clock=clock).version == "0+dev.1893456000"


def test_a_version_is_made_once(release: ReleaseDir) -> None:
    create.create_release(release, version="5")
    with pytest.raises(ReleaseAlreadyExists):
        create.create_release(release, version="5")
    create.create_release(release, version="7", final=True)
    generate.reset_release(release.path)
    with pytest.raises(ReleaseAlreadyExists, match="Release 'demo' version '7' already exists"):
        create.create_release(again(release), version="7", final=True)


def test_unchanged_parts_are_not_built_again(release: ReleaseDir) -> None:
    lines: list[str] = []
    release.report = lines.append
    create.create_release(release)
    first = list(lines)
    create.create_release(release)
    assert sum(line.startswith("Added ") and "release" not in line for line in first) == 4
    assert lines[len(first) :] == ["Added dev release 'demo/0+dev.2'"]


def test_a_part_that_the_cache_lost_is_built_again(release: ReleaseDir, tmp_path: Path) -> None:
    before = create.create_release(release)
    shutil.rmtree(tmp_path / "cache")
    assert create.create_release(release).manifest.packages == before.manifest.packages


def test_a_final_release_can_be_made_again_from_its_manifest(release: ReleaseDir, tmp_path: Path) -> None:
    made = create.create_release(release, final=True)
    generate.reset_release(release.path)
    shutil.rmtree(release.path / "src")
    shutil.rmtree(tmp_path / "cache")
    manifest = release.path / "releases/demo/demo-1.yml"
    loaded = create.create_release(again(release), manifest=manifest, tarball=tmp_path / "((name))-((version)).tgz")
    assert loaded.manifest == made.manifest
    assert repack.inspect(tmp_path / "demo-1.tgz") == made.manifest


def test_a_damaged_blob_is_not_used(release: ReleaseDir, tmp_path: Path) -> None:
    create.create_release(release, final=True)
    generate.reset_release(release.path)
    shutil.rmtree(tmp_path / "cache")
    for blob in (tmp_path / "store").iterdir():
        blob.write_bytes(b"damaged")
    with pytest.raises(BoshError, match="cannot use blob"):
        create.create_release(again(release), manifest=release.path / "releases/demo/demo-1.yml")


def test_all_faults_come_at_once(release: ReleaseDir) -> None:
    (release.path / "jobs/web/templates/ctl.erb").unlink()
    (release.path / "packages/lib/packaging").unlink()
    (release.path / "packages/app/spec").write_text("name: app\nfiles: [nothing/*]\n")
    with pytest.raises(BoshError) as caught:
        create.create_release(release)
    assert "Job 'web' has no file 'templates/ctl.erb'" in caught.value.details
    assert "Missing files for pattern 'nothing/*'" in caught.value.details
    assert "packaging' for package 'lib'" in caught.value.details


def test_a_job_needs_its_packages_and_packages_no_circle(release: ReleaseDir) -> None:
    (release.path / "packages/lib/spec").write_text("name: lib\ndependencies: [app]\n")
    with pytest.raises(ReleaseInvalidPackage, match="Cycle: app=>lib=>app"):
        create.create_release(release)
    shutil.rmtree(release.path / "packages")
    with pytest.raises(BoshError) as caught:
        create.create_release(release)
    assert "Expected to find package 'app' since it's a dependency of job 'web'" in caught.value.details


def test_pre_packaging_changes_the_archive(release: ReleaseDir, tmp_path: Path) -> None:
    script = release.path / "packages/lib/pre_packaging"
    script.write_text("echo $BUILD_DIR/$RELEASE_DIR > where; chmod +x where; mkdir -p empty")
    made = create.create_release(release)
    files = tarball.contents(made.release.packages[1].path)
    assert sorted(files) == ["packaging", "where"]
    assert files["where"].decode().strip().endswith(f"/{release.path}")
    script.write_text("echo broken; exit 3")
    with pytest.raises(BoshError) as caught:
        create.create_release(release)
    assert "status 3" in caught.value.brief
    assert "broken" in caught.value.details


def test_no_compression_is_a_plain_tar_and_warned_of(release: ReleaseDir, tmp_path: Path) -> None:
    (release.path / "packages/lib/spec").write_text("name: lib\nno_compression: true\n")
    made = create.create_release(release, tarball=tmp_path / "a.tgz")
    assert made.release.packages[1].path.read_bytes()[257:262] == b"ustar"
    assert "no_compression: true in their spec files" in made.warnings[0]
    with (release.path / "config/final.yml").open("a") as config:
        config.write("no_compression: true\n")
    plain = create.create_release(again(release), tarball=tmp_path / "b.tgz")
    assert plain.warnings == ()
    assert (tmp_path / "b.tgz").read_bytes()[257:262] == b"ustar"
    assert repack.inspect(tmp_path / "b.tgz").no_compression


def test_a_file_behind_a_link_is_refused(release: ReleaseDir) -> None:
    (release.path / "src/app/there").symlink_to("../other")
    (release.path / "src/other").mkdir()
    (release.path / "src/other/link").symlink_to("x")
    with pytest.raises(BoshError, match="lies behind the link 'app/there'"):
        create.create_release(release)


def test_a_vendored_package_has_only_a_lock(release: ReleaseDir, tmp_path: Path) -> None:
    create.create_release(release, final=True)
    other = tmp_path / "other"
    other.mkdir()
    generate.init_release(other)
    (other / "config/final.yml").write_text(
        f"name: o\nblobstore: {{provider: local, options: {{blobstore_path: {tmp_path}/o}}}}\n"
    )
    place = ReleaseDir(other, cache=tmp_path / "cache")
    assert create.vendor_package(place, "app", release) == ("lib", "app")
    assert (other / "packages/app/spec.lock").read_text().splitlines()[2:] == ["dependencies:", "- lib"]
    shutil.rmtree(tmp_path / "cache")
    made = create.create_release(place)
    assert [package.name for package in made.manifest.packages] == ["app", "lib"]
    with pytest.raises(BoshError, match="Expected to find package 'gone'"):
        create.vendor_package(place, "gone", release)


def test_a_foreign_tarball_is_finalized(release: ReleaseDir, tmp_path: Path) -> None:
    made = create.create_release(release, tarball=tmp_path / "a.tgz")
    final = create.finalize_release(release, tmp_path / "a.tgz", version="3")
    assert (final.version, final.manifest.jobs) == ("3", made.manifest.jobs)
    assert (release.path / "releases/demo/demo-3.yml").exists()
    with pytest.raises(ReleaseAlreadyExists):
        create.finalize_release(release, tmp_path / "a.tgz", version="3")


def test_redigest_verifies_before_it_rewrites(release: ReleaseDir, tmp_path: Path) -> None:
    made = create.create_release(release, tarball=tmp_path / "a.tgz")
    old = repack.redigest(tmp_path / "a.tgz", tmp_path / "b.tgz", "sha1")
    assert len(old.jobs[0].sha1) == 40
    wrong = made.release.jobs[0].path
    wrong.write_bytes(wrong.read_bytes() + b"x")
    built.write(made.release, tmp_path / "c.tgz")
    with pytest.raises(ReleaseSha1DoesNotMatch):
        repack.redigest(tmp_path / "c.tgz", tmp_path / "d.tgz", "sha256")


def test_packages_the_director_has_are_left_out(release: ReleaseDir, tmp_path: Path) -> None:
    made = create.create_release(release, tarball=tmp_path / "a.tgz")
    repack.without_packages(tmp_path / "a.tgz", tmp_path / "b.tgz", {made.manifest.packages[0].fingerprint})
    assert "packages/app.tgz" not in tarball.contents(tmp_path / "b.tgz")
    assert "packages/lib.tgz" in tarball.contents(tmp_path / "b.tgz")
    assert repack.inspect(tmp_path / "b.tgz") == made.manifest


@pytest.mark.slow
def test_git_gives_commit_and_dirt(release: ReleaseDir) -> None:
    generate.init_release(release.path, use_git=True)
    with pytest.raises(BoshError, match="Git repository has local modifications"):
        create.create_release(release)
    assert create.create_release(release, force=True).manifest.uncommitted_changes
    for command in (["add", "."], ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=release.path, check=True)
    made = create.create_release(release)
    assert not made.manifest.uncommitted_changes
    assert len(made.manifest.commit_hash) >= 7


def never(manifest: ReleaseManifest) -> bool:
    return False


def test_who_asks_again_gets_the_same_release(release: ReleaseDir) -> None:
    first = create.current_release(release, differs=never)
    assert create.current_release(again(release), differs=never) == first
    assert release.dev_releases.versions("demo") == ("0+dev.1",)


def test_a_changed_part_makes_the_next_release(release: ReleaseDir) -> None:
    create.current_release(release, differs=never)
    job = next(release.path.glob("jobs/*/templates/*"))
    job.write_text("changed")
    assert create.current_release(again(release), differs=never).version == "0+dev.2"
    assert create.current_release(again(release), differs=never).version == "0+dev.2"


def test_a_version_that_means_something_else_elsewhere_is_passed_over(release: ReleaseDir) -> None:
    create.current_release(release, differs=never)
    made = create.current_release(again(release), differs=lambda manifest: manifest.version in {"0+dev.1", "0+dev.2"})
    assert made.version == "0+dev.3"
    assert create.current_release(again(release), differs=never).version == "0+dev.3"


def test_a_lost_manifest_is_made_anew(release: ReleaseDir) -> None:
    create.current_release(release, differs=never)
    release.dev_releases.manifest_path("demo", "0+dev.1").unlink()
    assert create.current_release(again(release), differs=never).version == "0+dev.2"
