"""Blobs of the director that become files of the person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bosh.cli.session import Session, SessionError
from bosh.wire import digest


def download(session: Session, blob_id: str, sha1: str, *, prefix: str, folder: Path) -> Path:
    """Fetch, check and name a bundle ``PREFIX-YYYYmmdd-HHMMSS-NNN.tgz`` as the original does. Raises SessionError."""
    stamp = datetime.now(UTC)
    target = folder.absolute() / f"{prefix}-{stamp:%Y%m%d-%H%M%S}-{stamp.microsecond * 1000:09d}.tgz"
    folder.mkdir(parents=True, exist_ok=True)
    session.ui.line(f"Downloading resource '{blob_id}' to '{target}'...")
    session.director().download(blob_id, target)
    if sha1 and not digest.file_matches(target, sha1):
        target.unlink()
        raise SessionError(f"cannot use the downloaded resource '{blob_id}': its content does not match '{sha1}'")
    return target
