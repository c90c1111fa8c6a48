"""Archives on their way to the director."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bosh.cli.output.progress import reading
from bosh.cli.session import Session

REMOTE = re.compile(r"^https?://")
_ARCHIVE = "application/x-compressed"


def local_path(text: str) -> Path:
    """A path argument, ``file://`` or not."""
    return Path(text.removeprefix("file://")).expanduser()


def send_file(session: Session, path: str, file: Path, *, what: str, query: dict[str, Any]) -> dict[str, Any]:
    """The raw file as the body (bosh-cli: director/client_request.go); the finished task."""
    director = session.director()
    with reading(file, f"Uploading {file.name}") as (pieces, size_bytes):
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
