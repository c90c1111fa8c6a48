"""Archives on their way to the director."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bosh.cli.output.progress import reading
from bosh.cli.session import Session, SessionError, doing

REMOTE = re.compile(r"^https?://")
_ARCHIVE = "application/x-compressed"


@contextmanager
def opening_archive(path: Path) -> Iterator[None]:
    """A file that is not there or no archive is told as the original does. Raises SessionError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SessionError("Opening archive", f"open {path}: {reason}") from error


def without_credentials(url: str) -> str:
    """A URL to show: without the user and password that may be in it."""
    return re.sub(r"^(https?://)[^/@]*@", r"\1<redacted>:<redacted>@", url)


def local_path(text: str) -> Path:
    """A path argument, ``file://`` or not."""
    return Path(text.removeprefix("file://")).expanduser()


def send_file(session: Session, path: str, file: Path, *, what: str, query: dict[str, Any]) -> dict[str, Any]:
    """The raw file as the body (bosh-cli: director/client_request.go); the finished task."""
    director = session.director()
    with doing(what), reading(file, f"Uploading {file.name}") as (pieces, size_bytes):
        headers = {"Content-Type": _ARCHIVE, "Content-Length": str(size_bytes)}
        task_id = director.start_task("POST", path, body=pieces, headers=headers, query=query)
    return session.follow(task_id, what=what)


def send_location(
    session: Session, path: str, location: str, *, sha1: str, what: str, query: dict[str, Any]
) -> dict[str, Any]:
    """Let the director fetch it."""
    body = json.dumps({"location": location} | ({"sha1": sha1} if sha1 else {})).encode()
    return session.run_task(
        "POST", path, what=what, body=body, headers={"Content-Type": "application/json"}, query=query
    )
