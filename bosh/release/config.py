"""``config/final.yml`` and ``config/private.yml`` of a release directory.

Source: bosh-cli `releasedir/fs_config.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bosh.wire import go_yaml
from bosh.wire.errors import BoshError


@dataclass(frozen=True, slots=True)
class ReleaseConfig:
    """What the two files say together."""

    path: Path
    """``config/final.yml``, which may be absent."""
    name: str = ""
    final_name: str = ""
    no_compression: bool = False
    provider: str = ""
    """Of the blobstore: ``local``, ``s3``, ``gcs``; empty when none is configured."""
    options: dict[str, Any] = field(default_factory=dict)
    """The blobstore's; private ones override."""

    @property
    def release_name(self) -> str:
        """Raises BoshError when there is no name, or two."""
        if self.name and self.final_name:
            raise BoshError(f"Expected 'name' or 'final_name' but not both in config '{self.path}'")
        if not (self.name or self.final_name):
            raise BoshError(
                f"Expected non-empty 'name' in config '{self.path}'",
                resolution="check that you are in the top-level of the release directory",
            )
        return self.name or self.final_name


def read(directory: Path) -> ReleaseConfig:
    """Read both files; absent ones count as empty. Raises BoshError for one that is not a map."""
    path = directory / "config" / "final.yml"
    public, private = _map(path), _map(directory / "config" / "private.yml")
    blobstore = _section(public, "blobstore", path)
    secrets = _section(private, "blobstore", directory / "config" / "private.yml")
    return ReleaseConfig(
        path=path,
        name=str(public.get("name") or ""),
        final_name=str(public.get("final_name") or ""),
        no_compression=bool(public.get("no_compression")),
        provider=str(blobstore.get("provider") or ""),
        options={**(blobstore.get("options") or {}), **(secrets.get("options") or {})},
    )


def save_name(directory: Path, name: str) -> None:
    """Write the name, keep the rest."""
    path = directory / "config" / "final.yml"
    body = _map(path)
    body.pop("final_name", None)
    body.pop("name", None)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(go_yaml.dump({"name": name, **body}))


def _map(path: Path) -> dict[str, Any]:
    try:
        body = go_yaml.load(path.read_bytes()) if path.exists() else {}
    except ValueError as error:
        raise BoshError(f"cannot read '{path}'", details=str(error)) from error
    if not isinstance(body, dict) and body is not None:
        raise BoshError(f"cannot read '{path}'", details="it is not a map")
    return body or {}


def _section(body: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    section = body.get(key) or {}
    if not isinstance(section, dict):
        raise BoshError(f"cannot read '{path}'", details=f"'{key}' is not a map")
    return section
