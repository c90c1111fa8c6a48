"""Building: what is in the cache is not built again, and what changes which layer."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bosh.stemcell import build, process
from bosh.stemcell.recipe import read
from bosh.wire import stemcell_mf
from bosh.wire.errors import SystemFailure

STEMCELLS = Path(__file__).parents[3] / "stemcells"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our recipes and stages that a test may change; the recipe's path."""
    shutil.copytree(STEMCELLS, tmp_path / "stemcells")
    return tmp_path / "stemcells/recipes/container-debian-bookworm.yml"


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent.pyz"
    path.write_bytes(b"an agent")
    return path


def keys(recipe: Path, agent: Path) -> tuple[str, str]:
    inputs = build._inputs(recipe, read(recipe), agent)
    return inputs.root_key, inputs.archive_key


def test_the_same_inputs_have_the_same_keys(tree: Path, agent: Path) -> None:
    assert keys(tree, agent) == keys(tree, agent)


def _bundle(path: Path, **entries: bytes) -> None:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in entries.items():
            made.writestr(name.replace("_", "."), content)


def test_byte_code_in_the_agent_is_no_input(tree: Path, agent: Path) -> None:
    """It is not the same from one build to the next, and no stage uses it."""
    _bundle(agent, main_py=b"1", main_pyc=b"1")
    first = keys(tree, agent)
    _bundle(agent, main_py=b"1", main_pyc=b"2")
    assert keys(tree, agent) == first
    _bundle(agent, main_py=b"2", main_pyc=b"2")
    assert keys(tree, agent) != first


def _agent(_: Path, agent: Path) -> None:
    agent.write_bytes(b"another agent")


def _stage(recipe: Path, _: Path) -> None:
    (recipe.parent.parent / "stages/50-sudo/files/etc/sudoers.d/bosh_sudoers").write_text("# nobody\n")


def _mode(recipe: Path, _: Path) -> None:
    (recipe.parent.parent / "stages/60-monit/files/usr/lib/bosh/monit-httpd").chmod(0o644)


def _version(recipe: Path, _: Path) -> None:
    recipe.write_text(recipe.read_text().replace('version: "1.0"', 'version: "1.1"'))


def _package(recipe: Path, _: Path) -> None:
    recipe.write_text(recipe.read_text().replace("  - monit\n", "  - monit\n  - tcpdump\n"))


def _day(recipe: Path, _: Path) -> None:
    recipe.write_text(recipe.read_text().replace("packages_as_of: 20", "packages_as_of: 21"))


@pytest.mark.parametrize(
    ("change", "root_stays"),
    [(_agent, True), (_stage, True), (_mode, True), (_version, True), (_package, False), (_day, False)],
)
def test_a_change_makes_a_new_archive_and_only_some_a_new_root(
    tree: Path, agent: Path, change: Callable[[Path, Path], None], root_stays: bool
) -> None:
    before = keys(tree, agent)
    change(tree, agent)
    after = keys(tree, agent)
    assert after[1] != before[1]
    assert (after[0] == before[0]) is root_stays


def test_what_is_in_the_cache_needs_no_tools(
    tree: Path, agent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: str) -> None:
        raise AssertionError("nothing is to be built")

    monkeypatch.setattr(process, "require", unwanted)
    made = tmp_path / f"cache/bosh-container-runc-debian-bookworm-1.0-{keys(tree, agent)[1]}.tgz"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"a stemcell")
    lines: list[str] = []
    arguments = {"cache_dir": tmp_path / "cache", "progress": lines.append, "agent_bundle": agent}

    assert build.build(tree, output=None, **arguments) == made  # type: ignore[arg-type]
    copy = build.build(tree, output=tmp_path / "out/s.tgz", **arguments)  # type: ignore[arg-type]
    assert copy.read_bytes() == b"a stemcell"
    assert [path.name for path in copy.parent.iterdir()] == ["s.tgz"]
    assert lines == ["stemcell bosh-container-runc-debian-bookworm/1.0 is in the cache"] * 2


def test_what_an_interrupted_build_left_is_swept(
    tree: Path, agent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: str) -> None:
        raise SystemFailure("cannot build a stemcell on this machine")

    monkeypatch.setattr(process, "require", missing)
    folder = tmp_path / "cache"
    (folder / "work-left/deep").mkdir(parents=True)
    (folder / ".x.tgz.1.part").touch()
    with pytest.raises(SystemFailure):
        build.build(tree, cache_dir=tmp_path / "cache", output=None, progress=print, agent_bundle=agent)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_the_newest_archives_and_roots_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        for path in (tmp_path / f"bosh-a-{number}.tgz", tmp_path / f"root-{number}"):
            path.mkdir() if path.name.startswith("root") else path.touch()
            os.utime(path, (number, number))
    (tmp_path / "other-1.tgz").touch()
    build._forget_old(tmp_path, "bosh-a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bosh-a-2.tgz",
        "bosh-a-3.tgz",
        "bosh-a-4.tgz",
        "other-1.tgz",
        "root-3",
        "root-4",
    ]


def test_the_manifest_is_what_directors_expect(tree: Path) -> None:
    document = stemcell_mf.to_document(build.manifest_of(read(tree), "da39a3ee5e6b4b0d3255bfef95601890afd80709"))
    assert document == {
        "name": "bosh-container-runc-debian-bookworm",
        "version": "1.0",
        "bosh_protocol": "1",
        "api_version": 3,
        "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "operating_system": "debian-bookworm",
        "stemcell_formats": ["container-tar", "general-tar"],
        "cloud_properties": {
            "name": "bosh-container-runc-debian-bookworm",
            "version": "1.0",
            "infrastructure": "container",
            "hypervisor": "runc",
            "disk": 5120,
            "disk_format": "tar",
            "container_format": "bare",
            "os_type": "linux",
            "os_distro": "debian",
            "architecture": "x86_64",
        },
    }
