"""A release directory of its own for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bosh.release import generate
from bosh.release.directory import ReleaseDir
from bosh.system.ids import SeededIds

Put = Callable[..., Path]


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def release(tmp_path: Path) -> ReleaseDir:
    """``demo``: a job ``web``, a package ``app`` that needs ``lib``, a license and a local blobstore; outside git."""
    root = tmp_path / "demo-release"
    root.mkdir()
    generate.init_release(root)
    write(
        root / "config/final.yml",
        f"name: demo\nblobstore: {{provider: local, options: {{blobstore_path: {tmp_path}/store}}}}\n",
    )
    write(root / "jobs/web/spec", "name: web\ntemplates: {ctl.erb: bin/ctl}\npackages: [app]\n")
    write(root / "jobs/web/monit", "check process web\n")
    write(root / "jobs/web/templates/ctl.erb", "#!/bin/bash\n", 0o755)
    write(root / "packages/app/spec", "name: app\ndependencies: [lib]\nfiles: ['app/**/*']\n")
    write(root / "packages/app/packaging", "cp -r app $BOSH_INSTALL_TARGET\n")
    write(root / "packages/lib/spec", "name: lib\n")
    write(root / "packages/lib/packaging", "true\n")
    write(root / "src/app/main.c", "int main;\n")
    write(root / "LICENSE", "free\n")
    return ReleaseDir(root, ids=SeededIds(7), cache=tmp_path / "cache")
