"""Recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bosh.stemcell import recipe
from bosh.wire.errors import ValidationInvalidValue

ROOT = Path(__file__).parents[3]
RECIPES = sorted((ROOT / "stemcells/recipes").glob("*.yml"))
SMALL = {
    "name": "bosh-container-runc-debian-bookworm",
    "operating_system": "debian-bookworm",
    "version": "1.0",
    "packages_as_of": "2030-01-02",
    "suite": "bookworm",
    "packages": ["systemd", "monit"],
    "stages": ["10-users"],
    "stemcell_formats": ["container-tar"],
}


def write(folder: Path, **changes: object) -> Path:
    (folder / "stages/10-users").mkdir(parents=True, exist_ok=True)
    (folder / "stages/10-users/run").touch()
    (folder / "recipes").mkdir(exist_ok=True)
    path = folder / "recipes/small.yml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_of_ours_can_be_read(path: Path) -> None:
    read = recipe.read(path)
    assert read.name.startswith("bosh-")
    assert read.name.endswith(read.operating_system)
    assert {"systemd-sysv", "monit", "python3"} <= set(read.packages)


def test_packages_are_sorted_and_cloud_init_is_a_switch(tmp_path: Path) -> None:
    assert recipe.read(write(tmp_path)).all_packages == ("monit", "systemd")
    assert recipe.read(write(tmp_path, cloud_init=True)).all_packages == ("cloud-init", "monit", "systemd")


def test_the_youngest_time_stamp_is_the_days_midnight(tmp_path: Path) -> None:
    assert recipe.read(write(tmp_path)).source_date_epoch_s == 1893542400


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 1.0}, r"\$\.version"),
        ({"pakages": []}, "pakages"),
        ({"packages": "systemd"}, r"\$\.packages"),
        ({"packages_as_of": "soon"}, r"\$\.packages_as_of"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationInvalidValue, match=told):
        recipe.read(write(tmp_path, **change))


def test_a_stage_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationInvalidValue, match="the stages 99-none of"):
        recipe.read(write(tmp_path, stages=["10-users", "99-none"]))


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationInvalidValue, match="cannot read the stemcell recipe"):
        recipe.read(tmp_path / "absent.yml")


STAGES = sorted((ROOT / "stemcells/stages").iterdir())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_each_stage_runs_and_says_what_it_does(stage: Path) -> None:
    lines = (stage / "run").read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[1].startswith(f"# {stage.name}: ")
    assert "set -eu" in lines
    assert (stage / "run").stat().st_mode & 0o111


def test_each_stage_is_used() -> None:
    used = {name for path in RECIPES for name in recipe.read(path).stages}
    assert used == {stage.name for stage in STAGES}
