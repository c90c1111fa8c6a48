"""What git says about a release directory.

Source: bosh-cli `releasedir/git_repo.go`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from bosh.wire.errors import BoshError

NOT_GIT = "non-git"
EMPTY = "empty"

_IGNORED = """\
config/private.yml
blobs
dev_releases
releases/*.tgz
releases/**/*.tgz
.dev_builds
.final_builds/jobs/**/*.tgz
.final_builds/packages/**/*.tgz
.DS_Store
.idea
*.swp
*~
*#
#*
"""


def _git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=directory, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError as error:
        raise BoshError("cannot run git", details=str(error), resolution="install git") from error


def _is_repository(directory: Path) -> bool:
    return (directory / ".git").exists() or _git(directory, "rev-parse", "--git-dir").returncode == 0


def last_commit(directory: Path) -> str:
    """The short hash of the last commit, ``non-git`` outside a repository, ``empty`` before its first commit."""
    answer = _git(directory, "rev-parse", "--short", "HEAD")
    if answer.returncode == 0:
        return answer.stdout.strip()
    if not _is_repository(directory):
        return NOT_GIT
    if "Needed a single revision" in answer.stderr:
        return EMPTY
    raise BoshError("Checking last commit SHA", details=answer.stderr.strip())


def is_dirty(directory: Path, *, force: bool) -> bool:
    """Whether something is not committed.

    Raises:
        BoshError: it is, and ``force`` was not given.
    """
    answer = _git(directory, "status", "--porcelain=1")
    if answer.returncode:
        if not _is_repository(directory):
            return False
        raise BoshError("Checking status", details=answer.stderr.strip())
    changes = answer.stdout.strip()
    if changes and not force:
        raise BoshError(
            f"Git repository has local modifications:\n\n{changes}", resolution="commit them, or repeat with --force"
        )
    return bool(changes)


def init(directory: Path) -> None:
    """``git init`` with a ``.gitignore`` that fits a release."""
    answer = _git(directory, "init", "--quiet", ".")
    if answer.returncode:
        raise BoshError("cannot make a git repository", details=answer.stderr.strip())
    (directory / ".gitignore").write_text(_IGNORED)
