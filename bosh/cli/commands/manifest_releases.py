"""Releases that a manifest names by URL: made or uploaded before the manifest is sent (bosh-cli: cmd/release_manager.go)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bosh.cli.commands.release_local import show
from bosh.cli.commands.releases import Upload, send_release, upload_one
from bosh.cli.commands.uploads import local_path
from bosh.cli.session import Session, doing
from bosh.manifest import documents
from bosh.manifest.emit import dump


def upload(session: Session, text: str, source: str, *, fix: bool) -> str:
    """The manifest's text with ``version: create`` entries replaced by what was made; the same text when there were none.

    Raises:
        SessionError: an upload failed.
    """
    with doing("Parsing manifest"):
        document = documents.load(text, source, allow_duplicates=True).value
    releases = document.get("releases") if isinstance(document, dict) else None
    changed = False
    for release in releases if isinstance(releases, list) else []:
        if isinstance(release, dict) and release.get("url"):
            with doing("Creating and uploading releases"):
                changed |= _handle(session, release, fix=fix)
    return dump(document) if changed else text


def _handle(session: Session, release: dict[str, Any], *, fix: bool) -> bool:
    """Upload one; whether the entry was rewritten."""
    name, version, url = str(release.get("name") or ""), str(release.get("version") or ""), str(release["url"])
    if version == "create":
        with doing(f"Processing release '{name}/{version}'"):
            release["version"] = _create(session, name, local_path(url))
        del release["url"]
        return True
    chosen = Upload(name, version, str(release.get("sha1") or ""), _stemcell(release), fix=fix)
    with doing(f"Uploading release '{name}/{version}'"):
        upload_one(session, url, chosen)
    return False


def _stemcell(release: dict[str, Any]) -> str:
    """The ``os/version`` that a release was compiled for, if it was; of several the first counts (bosh-cli: release_manager.go)."""
    found = release.get("stemcell") or next(iter(release.get("exported_from") or []), None)
    return f"{found['os']}/{found['version']}" if found and found.get("os") else ""


def _create(session: Session, name: str, folder: Path) -> str:
    """Make a dev release of a directory and upload it; its version."""
    from bosh.release.create import create_release

    with tempfile.TemporaryDirectory() as scratch:
        tarball = Path(scratch) / "release.tgz"
        made = create_release(folder, name=name, timestamp_version=True, force=True, tarball=tarball)
        show(session, made.manifest)
        send_release(session, tarball, made.manifest, Upload(name))
    return made.manifest.version
