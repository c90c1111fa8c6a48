"""The apply spec: which jobs and packages make this instance (bosh-agent: agent/applier/applyspec; reference: director's instance spec).

The director compares what ``get_state`` returns, so the spec is kept whole as JSON and only looked at through this view.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bosh.system.files import write_atomically
from bosh.wire.errors import BoshError


@dataclass(frozen=True, slots=True)
class Source:
    """Where an archive lies: an id in the blobstore or a signed address, and its digest text."""

    digest: str
    blob_id: str = ""
    signed_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A job or package version, as it lies under ``data/<kind>/<name>/<key>``."""

    name: str
    version: str
    source: Source
    path_in_archive: str = ""

    @property
    def key(self) -> str:
        """Directory name: SHA-1 of version and digest. A job's version alone says nothing about its rendered values."""
        return hashlib.sha1(f"{self.version}-{self.source.digest}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Spec:
    raw: Mapping[str, Any]

    @property
    def deployment(self) -> str:
        return str(self.raw.get("deployment") or "")

    @property
    def name(self) -> str:
        return str(self.raw.get("name") or "")

    @property
    def id(self) -> str:
        return str(self.raw.get("id") or "")

    @property
    def az(self) -> str:
        return str(self.raw.get("az") or "")

    @property
    def index(self) -> int | None:
        index = self.raw.get("index")
        return index if isinstance(index, int) else None

    @property
    def configuration_hash(self) -> str:
        return str(self.raw.get("configuration_hash") or "")

    @property
    def persistent_disk_mb(self) -> int:
        return int(self.raw.get("persistent_disk") or 0)

    @property
    def job(self) -> Mapping[str, Any]:
        return self.raw.get("job") or {}

    @property
    def job_name(self) -> str | None:
        return self.job.get("name")

    @property
    def template_names(self) -> list[str]:
        return [template["name"] for template in self.job.get("templates") or ()]

    @property
    def jobs(self) -> list[Bundle]:
        """Empty until rendered templates exist: a spec may name jobs before they are rendered."""
        archive = self.raw.get("rendered_templates_archive") or {}
        if not archive.get("sha1"):
            return []
        source = _source(archive)
        return [
            Bundle(template["name"], str(template.get("version") or ""), source, path_in_archive=template["name"])
            for template in self.job.get("templates") or ()
        ]

    @property
    def packages(self) -> list[Bundle]:
        return [
            Bundle(package["name"], str(package["version"]), _source(package))
            for package in (self.raw.get("packages") or {}).values()
        ]

    @property
    def max_log_file_size(self) -> str:
        logging = (self.raw.get("properties") or {}).get("logging") or {}
        return str(logging.get("max_log_file_size") or "50M")


def _source(body: Mapping[str, Any]) -> Source:
    return Source(
        digest=str(body.get("sha1") or ""),
        blob_id=str(body.get("blobstore_id") or ""),
        signed_url=str(body.get("signed_url") or ""),
        headers=body.get("blobstore_headers") or {},
    )


class SpecStore:
    """The spec last applied, kept over restarts in ``spec.json``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self) -> Spec:
        """Empty before the first apply.

        Raises:
            BoshError: the file is damaged.
        """
        try:
            return Spec(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Spec({})
        except (OSError, ValueError) as error:
            raise BoshError("cannot read the applied spec", details=str(error)) from error

    def set(self, spec: Spec) -> None:
        write_atomically(self._path, json.dumps(spec.raw).encode())
