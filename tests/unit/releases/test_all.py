"""What holds for each of our releases."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bosh.release import sources

ROOT = Path(__file__).parents[3]
RELEASES = sorted(path.parent.parent for path in (ROOT / "releases").glob("*/config/final.yml"))
JOBS = [job for release in RELEASES for job in sorted((release / "jobs").glob("*"))]
PACKAGES = [package for release in RELEASES for package in sorted((release / "packages").glob("*"))]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_release_is_called_as_its_folder_and_explains_itself(release: Path) -> None:
    assert yaml.safe_load((release / "config/final.yml").read_text())["name"] == release.name
    readme = (release / "README.md").read_text()
    assert readme.startswith(f"# {release.name}\n")
    assert all(f"`{job.name}`" in readme for job in (release / "jobs").iterdir())


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_fetched_blobs_are_listed_alike_in_both_files(release: Path) -> None:
    listed = yaml.safe_load((release / "config/blobs.yml").read_text()) or {}
    fetched = {
        name: {"size": source.size, "sha": f"sha256:{source.sha256}"} for name, source in sources.read(release).items()
    }
    assert listed == fetched


@pytest.mark.parametrize("job", JOBS, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_the_spec_names_what_is_there_and_describes_each_property(job: Path) -> None:
    spec = yaml.safe_load((job / "spec").read_text())
    assert spec["name"] == job.name
    assert spec["description"]
    assert (job / "monit").is_file()
    present = {str(path.relative_to(job / "templates")) for path in (job / "templates").rglob("*") if path.is_file()}
    assert set(spec["templates"]) == present
    assert all((job.parent.parent / "packages" / package).is_dir() for package in spec["packages"])
    undescribed = [name for name, about in spec["properties"].items() if not about.get("description")]
    assert undescribed == []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_each_property_is_used(job: Path) -> None:
    spec = yaml.safe_load((job / "spec").read_text())
    texts = "".join(path.read_text() for path in (job / "templates").rglob("*") if path.is_file())
    provided = {name for link in spec.get("provides", ()) for name in link.get("properties", ())}
    assert [name for name in spec["properties"] if f'"{name}"' not in texts and name not in provided] == []
    assert provided <= set(spec["properties"])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_the_package_stops_at_the_first_error(package: Path) -> None:
    assert yaml.safe_load((package / "spec").read_text())["name"] == package.name
    assert "set -eu" in (package / "packaging").read_text().splitlines()[:3]
