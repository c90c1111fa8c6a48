"""Releases that a manifest names by URL: made or uploaded before the manifest is sent (bosh-cli: cmd/release_manager.go)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bosh.cli.commands.releases import exists
from bosh.cli.commands.uploads import REMOTE, local_path, send_file, send_location
from bosh.cli.session import Session, SessionError
from bosh.manifest import documents
from bosh.manifest.emit import dump


def upload(session: Session, text: str, source: str, *, fix: bool) -> str:
    """The manifest's text with ``version: create`` entries replaced by what was made; the same text when there were none.

    Raises:
        SessionError: an upload failed.
    """
    document = documents.load(text, source, allow_duplicates=True).value
    releases = document.get("releases") if isinstance(document, dict) else None
    changed = False
    for release in releases if isinstance(releases, list) else []:
        if isinstance(release, dict) and release.get("url"):
            changed |= _handle(session, release, fix=fix)
    return dump(document) if changed else text


def _handle(session: Session, release: dict[str, Any], *, fix: bool) -> bool:
    """Upload one; whether the entry was rewritten."""
    name, version, url = str(release.get("name") or ""), str(release.get("version") or ""), str(release["url"])
    query = {"fix": "true"} if fix else {}
    if version == "create":
        release["version"] = _create(session, name, local_path(url), query)
        del release["url"]
        return True
    if not fix and exists(session, name, version):
        session.ui.line(f"Release '{name}/{version}' already exists.")
    elif REMOTE.match(url):
        what = f"Uploading remote release '{url}'"
        send_location(session, "/releases", url, sha1=str(release.get("sha1") or ""), what=what, query=query)
    else:
        path = local_path(url)
        if not path.is_file():
            raise SessionError(f"cannot upload release '{name}/{version}': no file '{path}'")
        send_file(session, "/releases", path, what=f"Uploading release file '{path}'", query=query)
    return False


def _create(session: Session, name: str, folder: Path, query: dict[str, str]) -> str:
    """Make a dev release of a directory and upload it; its version."""
    from bosh.release.create import create_release

    with tempfile.TemporaryDirectory() as scratch:
        tarball = Path(scratch) / "release.tgz"
        made = create_release(folder, name=name, timestamp_version=True, force=True, tarball=tarball)
        send_file(session, "/releases", tarball, what=f"Uploading release '{name}'", query=query)
    return made.manifest.version
