"""Beginnings: an empty release directory, an empty job, an empty package; and back to a clean one.

Source: bosh-cli `releasedir/fs_release_dir.go`, `releasedir/fs_generator.go`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bosh.release import config, git
from bosh.wire.errors import BoshError

_JOB_SPEC = "---\nname: {name}\n\ntemplates: {{}}\n\npackages: []\n\nproperties: {{}}\n"
_PACKAGE_SPEC = "---\nname: {name}\n\ndependencies: []\n\nfiles: []\n"
_MADE_HERE = (".dev_builds", "dev_releases", ".blobs", "blobs")


def init_release(directory: Path, *, use_git: bool = False) -> None:
    """Make the folders and configuration of a release named after its directory, without ``-release``."""
    for name in ("jobs", "packages", "src"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    config.save_name(directory, directory.resolve().name.removesuffix("-release"))
    blobs = directory / "config" / "blobs.yml"
    if not blobs.exists():
        blobs.write_text("--- {}\n")
    if use_git:
        git.init(directory)


def generate_job(directory: Path, name: str) -> Path:
    """An empty job; its folder. Raises BoshError when there is one already."""
    folder = _new_folder(directory / "jobs", name, "Job")
    (folder / "templates").mkdir()
    (folder / "spec").write_text(_JOB_SPEC.format(name=name))
    (folder / "monit").write_text("")
    return folder


def generate_package(directory: Path, name: str) -> Path:
    """An empty package; its folder. Raises BoshError when there is one already."""
    folder = _new_folder(directory / "packages", name, "Package")
    (folder / "spec").write_text(_PACKAGE_SPEC.format(name=name))
    (folder / "packaging").write_text("set -e\n")
    return folder


def _new_folder(parent: Path, name: str, kind: str) -> Path:
    folder = parent / name
    if not name or "/" in name or name in {".", ".."}:
        raise BoshError(f"'{name}' is not a name for a {kind.lower()}")
    if folder.exists():
        raise BoshError(f"{kind} '{name}' at '{folder}' already exists")
    folder.mkdir(parents=True)
    return folder


def reset_release(directory: Path) -> None:
    """Remove what creating releases left behind: dev builds, dev releases, fetched blobs."""
    for name in _MADE_HERE:
        shutil.rmtree(directory / name, ignore_errors=True)
