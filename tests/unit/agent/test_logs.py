"""bosh/agent/logs.py"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from bosh.agent import logs
from bosh.agent.paths import Paths
from bosh.wire.errors import BoshError

FILES = ("top.log", "web/a.log", "web/b.txt", "web/deep/c.log", "db/a.log", "db/.hidden.log")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("**/*",), FILES),
        (("**/*.log",), ("top.log", "web/a.log", "web/deep/c.log", "db/a.log", "db/.hidden.log")),
        (("web/*",), ("web/a.log", "web/b.txt")),
        (("web",), ("web/a.log", "web/b.txt", "web/deep/c.log")),
        (("*/a.log", "web/a.*"), ("web/a.log", "db/a.log")),
        (("web/?.{log,txt}",), ("web/a.log", "web/b.txt")),
        (("web/[a].log",), ("web/a.log",)),
        (("web/[!a].txt",), ("web/b.txt",)),
        (("../*",), ()),
    ],
)
def test_filters(directory: Path, filters: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert sorted(logs.matching(directory, filters)) == sorted(expected)


def test_no_directory_no_files(tmp_path: Path) -> None:
    assert list(logs.matching(tmp_path / "gone", ("**/*",))) == []


async def test_a_bundle_of_two_kinds(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "vcap", tmp_path / "root")
    for path, text in ((paths.agent_logs / "current", "agent"), (paths.system_logs / "syslog", "system")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    await logs.bundle("agent,system", (), paths, tmp_path / "out.tgz")
    with tarfile.open(tmp_path / "out.tgz") as archive:
        assert archive.getnames() == ["./current", "./var/log/syslog"]
    with pytest.raises(BoshError, match="Invalid log type"):
        await logs.bundle("agent,x", (), paths, tmp_path / "out.tgz")
