"""Empty releases, jobs and packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.release import config, create, generate, git
from bosh.release.directory import ReleaseDir
from bosh.wire.errors import BoshError


def test_what_is_generated_can_be_released(tmp_path: Path) -> None:
    root = tmp_path / "fresh-release"
    root.mkdir()
    generate.init_release(root)
    generate.generate_job(root, "web")
    generate.generate_package(root, "app")
    made = create.create_release(ReleaseDir(root, cache=tmp_path / "cache"))
    assert (made.name, [job.name for job in made.manifest.jobs]) == ("fresh", ["web"])
    generate.reset_release(root)
    assert sorted(path.name for path in root.iterdir()) == ["config", "jobs", "packages", "src"]


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BoshError, match="is not a name"):
        generate.generate_job(tmp_path, name)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    generate.generate_job(tmp_path, "web")
    with pytest.raises(BoshError, match=r"Job 'web' at '.*' already exists"):
        generate.generate_job(tmp_path, "web")


def test_the_name_comes_from_either_key_but_not_from_both(tmp_path: Path) -> None:
    final = tmp_path / "config/final.yml"
    final.parent.mkdir()
    final.write_text("final_name: old\n")
    assert config.read(tmp_path).release_name == "old"
    final.write_text("final_name: old\nname: new\n")
    with pytest.raises(BoshError, match="but not both"):
        _ = config.read(tmp_path).release_name
    final.write_text("")
    with pytest.raises(BoshError, match="Expected non-empty 'name'"):
        _ = config.read(tmp_path).release_name


def test_private_options_override_public_ones(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/final.yml").write_text(
        "name: a\nblobstore: {provider: s3, options: {bucket_name: b, region: r}}\n"
    )
    (tmp_path / "config/private.yml").write_text("blobstore: {options: {region: p, secret: s}}\n")
    assert config.read(tmp_path).options == {"bucket_name": "b", "region": "p", "secret": "s"}


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert git.last_commit(tmp_path) == "non-git"
    assert git.is_dirty(tmp_path, force=False) is False
