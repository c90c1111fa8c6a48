"""Python components come to VMs with everything they import, in the versions that are tested here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[4]
VENDORED = sorted(
    path.parents[2]
    for path in ROOT.glob("releases/*/packages/*/packaging")
    if "releases/python/install.sh" in path.read_text()
)


@pytest.fixture(scope="module")
def vendor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "releases/python/vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules["vendor"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("release", sorted(set(VENDORED)), ids=lambda path: path.name)
def test_each_release_is_as_it_would_be_written(vendor: ModuleType, release: Path) -> None:
    assert vendor.differences(release) == []


def test_dependencies_are_followed_as_the_vms_see_them(vendor: ModuleType, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["psycopg[binary]", "uvicorn"]\n')
    found = vendor.needed(project)
    assert {"psycopg", "psycopg-binary", "uvicorn", "h11", "click"} <= set(found.published)
    assert not {"tzdata", "colorama", "uvloop"} & set(found.published)
    assert found.trees == {}


def test_packages_of_this_repository_come_along_as_folders(vendor: ModuleType, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["cpi-kit"]\n')
    (name, folder), *_ = vendor.needed(project).trees.items()
    assert (name, folder.is_dir()) == ("cpi_kit", True)
    release = ROOT / "releases/uaa"
    source = vendor._tree_source(release, folder)
    assert (release / source["tree"]).resolve() == folder.resolve()


def test_what_differs_is_said(vendor: ModuleType, tmp_path: Path) -> None:
    release = tmp_path / "releases/some"
    project = release / "src/app/pyproject.toml"
    project.parent.mkdir(parents=True)
    project.write_text('[project]\nname = "app"\ndependencies = ["h11"]\n')
    (release / "config").mkdir()
    vendor.write_sources(
        release, {"wheels/h11-0-py3-none-any.whl": {"pypi": {"name": "h11", "version": "0"}, "sha256": "", "size": 0}}
    )
    first, *rest = vendor.differences(release)
    assert first.startswith("some: h11 should be")
    assert rest == ["some: packages/app/spec differs", "some: packages/app/packaging differs"]


def test_blobs_of_other_kinds_stay(vendor: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    kept = {"tool/tool": {"pypi": {"name": "t", "version": "1"}, "file": "f", "sha256": "", "size": 0}}
    vendor.write_sources(
        tmp_path, kept | {"wheels/x.whl": {"pypi": {"name": "x", "version": "1"}, "sha256": "", "size": 0}}
    )
    assert vendor._other_sources(tmp_path) == kept
    assert set(json.loads((tmp_path / "config/sources.json").read_text())["blobs"]) == {"tool/tool", "wheels/x.whl"}
