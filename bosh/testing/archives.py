"""Release and stemcell archives made on the spot, whole or damaged on purpose."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Job:
    """A job: target path → template text (source names are the targets' last parts), and more of its ``spec``."""

    name: str
    templates: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".erb"


def tar(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive; names are written as they are given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    # Without the time of day: the same files are the same bytes.
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _job(job: Job) -> bytes:
    sources = {target.rpartition("/")[2] + job.suffix: target for target in job.templates}
    spec = {"name": job.name, "templates": sources, "packages": [], "properties": {}, **job.spec}
    files = {"job.MF": yaml.safe_dump(spec).encode(), "monit": f"check process {job.name}\n".encode()}
    files |= {f"templates/{source}": job.templates[target].encode() for source, target in sources.items()}
    return tar(files)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    fingerprint = hashlib.sha256(content).hexdigest()
    return {"name": name, "version": fingerprint, "fingerprint": fingerprint, "sha1": sha256(content)}


def release_files(
    name: str, version: str, *, jobs: Sequence[Job], packages: Mapping[str, Sequence[str]], marker: str = "1"
) -> dict[str, bytes]:
    """The files of a release archive.

    Args:
        packages: name → names of the packages it is compiled with.
        marker: releases with another one have packages with other fingerprints.
    """
    sources = {each: tar({"packaging": f"# {each} {marker}\n".encode()}) for each in packages}
    archives = {job.name: _job(job) for job in jobs}
    manifest = {
        "name": name,
        "version": version,
        "commit_hash": "abc",
        "uncommitted_changes": False,
        "jobs": [
            {**_entry(job.name, archives[job.name]), "packages": list(job.spec.get("packages", []))} for job in jobs
        ],
        "packages": [
            {**_entry(each, sources[each]), "dependencies": list(needed)} for each, needed in packages.items()
        ],
    }
    files = {"release.MF": yaml.safe_dump(manifest).encode()}
    files |= {f"jobs/{each}.tgz": content for each, content in archives.items()}
    return files | {f"packages/{each}.tgz": content for each, content in sources.items()}


def release(
    folder: Path,
    name: str,
    version: str = "1",
    *,
    jobs: Sequence[Job] = (),
    packages: Mapping[str, Sequence[str]] | None = None,
    marker: str = "1",
) -> Path:
    """A release archive in ``folder``."""
    path = folder / f"{name}-{version}.tgz"
    path.write_bytes(tar(release_files(name, version, jobs=jobs, packages=packages or {}, marker=marker)))
    return path


def stemcell_files(version: str, *, image: bytes = b"an image", **manifest: Any) -> dict[str, bytes]:
    content = {
        "name": "bosh-fake",
        "version": version,
        "api_version": 3,
        "sha1": sha256(image),
        "operating_system": "debian-12",
        "stemcell_formats": ["general-tar"],
        "cloud_properties": {"infrastructure": "fake"},
    }
    return {"stemcell.MF": yaml.safe_dump({**content, **manifest}).encode(), "image": image}


def stemcell(folder: Path, version: str = "1.1", **manifest: Any) -> Path:
    """A stemcell archive in ``folder`` for the fake cloud."""
    path = folder / f"stemcell-{version}.tgz"
    path.write_bytes(tar(stemcell_files(version, **manifest)))
    return path
