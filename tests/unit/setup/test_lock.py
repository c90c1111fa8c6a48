"""The lock file: whole, by digest, and without hosts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = [ROOT / "requirements.lock", ROOT / ".ci/uv.txt"]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", text)
    assert match
    return normalised(match[0])


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_no_host_is_named(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-i|--index|--extra-index|--find-links|-e|.* @ )", text)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_each_package_is_pinned_with_digests(path: Path) -> None:
    entries = re.split(r"\n(?=\S)", path.read_text().strip())
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_everything_the_workspace_asks_for_is_pinned() -> None:
    pinned = set(re.findall(r"(?m)^([a-z0-9.-]+)==", (ROOT / "requirements.lock").read_text()))
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = [ROOT / member for member in root["tool"]["uv"]["workspace"]["members"]]
    projects = [root, *(tomllib.loads((folder / "pyproject.toml").read_text()) for folder in folders)]
    own = {normalised(each["project"]["name"]) for each in projects}
    wanted = {requirement(text) for each in projects for text in each["project"].get("dependencies", ())}
    wanted |= {requirement(text) for text in root["dependency-groups"]["dev"]}
    assert wanted - own - pinned == set()
