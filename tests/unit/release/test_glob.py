"""Patterns in package specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.release import glob


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.c", "b.h", ".hidden", "dir/c.c", "dir/deep/d.c", "dir/deep/[x].txt", "v1.txt", "v2.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "loop").symlink_to("dir")
    (tmp_path / "gone").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.c", ["a.c"]),
        ("*", [".hidden", "a.c", "b.h", "dir", "gone", "loop", "v1.txt", "v2.txt"]),
        ("{a.c,b.{h,x}}", ["a.c", "b.h"]),
        ("v[1-9].txt", ["v1.txt", "v2.txt"]),
        ("v[^2].txt", ["v1.txt"]),
        ("dir/**/*.c", ["dir/c.c", "dir/deep/d.c"]),
        ("dir/**", ["dir/c.c", "dir/deep", "dir/deep/[x].txt", "dir/deep/d.c"]),
        ("dir/deep/\\[x\\].txt", ["dir/deep/[x].txt"]),
        ("**/d.c", ["dir/deep/d.c", "loop/deep/d.c"]),
        ("gone", ["gone"]),
        ("go**e", ["gone"]),
        ("missing/*", []),
        ("?.?", ["a.c", "b.h"]),
    ],
)
def test_pattern(tree: Path, pattern: str, expected: list[str]) -> None:
    assert [path.relative_to(tree).as_posix() for path in glob.find(tree, pattern)] == expected


def test_a_link_to_nothing_is_not_behind_a_double_star(tree: Path) -> None:
    assert tree / "gone" not in glob.find(tree, "**")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "x").write_text("")
    assert tmp_path / "x" in glob.find(tmp_path, "**/x")


@pytest.mark.parametrize("pattern", ["{a", "[a", "[]", "[-a]"])
def test_malformed_patterns_are_refused(tree: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a file pattern"):
        glob.find(tree, pattern)
