"""Style, types and arrows between rooms, as tests: one command is the whole gate."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "--quiet"), ("ruff", "format", "--check", "--quiet"), ("mypy",), ("lint-imports", "--no-logo")],
    ids=lambda command: "-".join(command[:2]).removesuffix("---no-logo"),
)
def test_the_tree_passes(command: tuple[str, ...]) -> None:
    program = BIN / command[0]
    if not program.exists() and not os.environ.get("CI"):
        pytest.skip(f"{program} is not installed: run .ci/setup")
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def test_the_shell_scripts_are_posix() -> None:
    scripts = [path for path in tracked() if path.is_file() and path.read_bytes()[:10] == b"#!/bin/sh\n"]
    assert ROOT / ".ci/setup" in scripts
    for script in scripts:
        done = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_finished_program_is_in_the_tree() -> None:
    magic = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ")
    assert [path for path in tracked() if path.is_file() and path.read_bytes()[:4].startswith(magic)] == []


def test_what_a_room_calls_unfinished_is_not_in_the_tree() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    texts = [path for path in tracked() if path.suffix in {".py", ".sh", ".yml", ".erb", ".md"} and path.is_file()]
    assert [str(path.relative_to(ROOT)) for path in texts if marks.search(path.read_text())] == []


def tracked() -> list[Path]:
    """Files that git knows; without git, nothing can be said."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name]
