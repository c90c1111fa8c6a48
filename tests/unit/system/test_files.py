"""bosh/system/files.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.system.files import replace_link, write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_content_and_mode_are_replaced_together(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old", mode=0o600, durable=durable)
    write_atomically(path, b"new", mode=0o644, durable=durable)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o644)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "directory" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "directory", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_a_link_is_replaced(tmp_path: Path) -> None:
    for target in ("a", "b"):
        replace_link(tmp_path / "link", tmp_path / target)
    assert (tmp_path / "link").readlink() == tmp_path / "b"
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
